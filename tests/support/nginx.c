/*
 * nginx.c - starts and stops nginx; see nginx.h.
 */
#include "support/nginx.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/prng.h"

#define PATIENCE_MS 10000
#define STARTS_MAX 5

/* --- what is served -------------------------------------------------------------------------- */

static const struct {
    const char *name;
    size_t length;
} sizes[NGINX_FILES] = {
    [NGINX_F0] = {"f0", 0},
    [NGINX_F1] = {"f1", 1},
    [NGINX_F100] = {"f100", 100},
    [NGINX_F65535] = {"f65535", 65535},
    [NGINX_F65536] = {"f65536", 65536},
    [NGINX_F65537] = {"f65537", 65537},
    [NGINX_F1M] = {"f1m", 1u << 20},
    [NGINX_F8M] = {"f8m", 8u << 20},
    [NGINX_TEXT] = {"text", 200000},
    [NGINX_ALIKE] = {"alike", 8u << 20},
};

static void fill(nginx_file *file, nginx_file_name name)
{
    uint64_t random = (uint64_t)name + 1;
    file->name = sizes[name].name;
    file->length = sizes[name].length;
    file->data = malloc(file->length + 1);
    assert_non_null(file->data);
    for (size_t i = 0; i < file->length; i++) {
        if (name == NGINX_ALIKE)
            file->data[i] = (char)('a' + i / 1000 % 26);
        else if (name == NGINX_TEXT)
            file->data[i] = "etaoin shrdlu\n"[prng_below(&random, 14)];
        else
            file->data[i] = (char)prng_next(&random);
    }
    file->data[file->length] = '\0';
}

static FILE *create(const nginx *server, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    FILE *file = fopen(path, "w");
    if (file == NULL)
        fail_msg("can't write %s: %s", path, strerror(errno));
    return file;
}

static void make_directory(const nginx *server, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void make_files(nginx *server)
{
    make_directory(server, "html");
    make_directory(server, "put");
    for (int i = 0; i < NGINX_FILES; i++) {
        char name[32];
        fill(&server->files[i], (nginx_file_name)i);
        snprintf(name, sizeof name, "html/%s", server->files[i].name);
        FILE *file = create(server, name);
        size_t written = fwrite(server->files[i].data, 1, server->files[i].length, file);
        assert_int_equal(written, server->files[i].length);
        assert_int_equal(fclose(file), 0);
    }
}

/* --- configuration --------------------------------------------------------------------------- */

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    if (address.ss_family == AF_INET6)
        return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static bool is_v6(nginx_site site)
{
    return site == NGINX_PLAIN_V6 || site == NGINX_TLS_V6;
}

/* -1: another has that port. 0: any port. */
static int bind_to(bool wants_v6, uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    v4.sin_port = v6.sin6_port = htons(port);
    int fd = socket(wants_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status = wants_v6 ? bind(fd, (struct sockaddr *)&v6, sizeof v6)
                          : bind(fd, (struct sockaddr *)&v4, sizeof v4);
    if (status == 0)
        return fd;
    assert_int_equal(errno, EADDRINUSE);
    close(fd);
    return -1;
}

/* A port on ::1, and `twin`, which holds the same on 127.0.0.1: to another test's client
 * "localhost" is both, and this server must not answer for that test's own. */
static int bind_with_twin(int *twin)
{
    for (int i = 0; i < 100; i++) {
        int fd = bind_to(true, 0);
        assert_true(fd >= 0);
        *twin = bind_to(false, port_of(fd));
        if (*twin >= 0)
            return fd;
        close(fd);
    }
    fail_msg("no port is free on both loopback addresses");
    return -1;
}

static void release_twins(nginx *server)
{
    for (int i = 0; i < NGINX_SITES; i++) {
        if (server->twins[i] > 0)
            close(server->twins[i]);
        server->twins[i] = 0;
    }
}

/* All are held until all are known, so that no two are the same. */
static void choose_ports(nginx *server)
{
    int sockets[NGINX_SITES];
    release_twins(server);
    for (int i = 0; i < NGINX_SITES; i++) {
        sockets[i] = is_v6((nginx_site)i) ? bind_with_twin(&server->twins[i]) : bind_to(false, 0);
        assert_true(sockets[i] >= 0);
        server->ports[i] = port_of(sockets[i]);
    }
    for (int i = 0; i < NGINX_SITES; i++)
        close(sockets[i]);
}

static void write_locations(const nginx *server)
{
    static const int codes[] = {301, 302, 303, 307, 308};
    const char *directory = server->directory;
    uint16_t dead = port_of(server->dead_socket);
    uint16_t upstream = server->options.upstream_port != 0 ? server->options.upstream_port : dead;
    FILE *file = create(server, "locations.conf");
    fprintf(file, "root %s/html;\ndefault_type text/plain;\nlocation / { }\n", directory);
    fprintf(file, "location /gzip/ { alias %s/html/; gzip on; gzip_types *; gzip_min_length 1; }\n",
            directory);
    fprintf(file, "location /slow/ { alias %s/html/; limit_rate_after 64k; limit_rate 256k; }\n",
            directory);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        fprintf(file, "location = /redirect/%d { return %d /f100; }\n", codes[i], codes[i]);
    fprintf(file, "location = /close { return 444; }\n");
    fprintf(file, "location = /dead { proxy_pass http://127.0.0.1:%u; }\n", dead);
    fprintf(file, "location = /up { proxy_pass http://127.0.0.1:%u; }\n", upstream);
    fprintf(file, "location /put/ { alias %s/put/; dav_methods PUT; client_max_body_size 64m; }\n",
            directory);
    fprintf(file, "location = /large { return 200 large;\n");
    for (int i = 0; i < 24; i++)
        fprintf(file, "  add_header X-Large-%d \"%01000d\";\n", i, i);
    fprintf(file, "}\nlocation = /five { keepalive_timeout 5 5; return 200 five; }\n");
    fprintf(file, "location = /pid { return 200 $pid; }\n");
    fprintf(file, "location = /from { return 200 $remote_addr; }\n");
    fprintf(file, "location = /connection { return 200 \"$connection $connection_requests\"; }\n");
    fprintf(file, "location = /tls { return 200 \"reused=$ssl_session_reused version=$ssl_protocol"
                  " name=$ssl_server_name alpn=$ssl_alpn_protocol client=$ssl_client_s_dn\"; }\n");
    assert_int_equal(fclose(file), 0);
}

static void write_plain_site(const nginx *server, FILE *file, const char *listen, const char *extra)
{
    fprintf(file, "server { listen %s; %s include %s/locations.conf; }\n", listen, extra,
            server->directory);
}

static void write_tls_site(const nginx *server, FILE *file, nginx_site site, const char *extra)
{
    static const char *const names[NGINX_SITES] = {[NGINX_EXPIRED] = "expired",
                                                   [NGINX_EARLY] = "early",
                                                   [NGINX_WRONG_NAME] = "wrong-name",
                                                   [NGINX_SELF_SIGNED] = "self-signed"};
    const char *pem = names[site] != NULL ? names[site] : "good";
    const char *directory = server->options.certificates->directory;
    fprintf(file, "server { listen %s:%u ssl;\n", is_v6(site) ? "[::1]" : "127.0.0.1",
            server->ports[site]);
    if (site == NGINX_TLS)
        fprintf(file, "  listen unix:%s ssl;\n", server->unix_tls_path);
    fprintf(file, "  ssl_certificate %s/%s.crt; ssl_certificate_key %s/%s.key;\n", directory, pem,
            directory, pem);
    fprintf(file, "  %s\n  include %s/locations.conf; }\n", extra, server->directory);
}

static void write_tls_sites(const nginx *server, FILE *file)
{
    char mutual[200];
    snprintf(mutual, sizeof mutual, "ssl_verify_client on; ssl_client_certificate %s/ca.crt;",
             server->options.certificates->directory);
    for (int i = NGINX_TLS; i < NGINX_SITES; i++) {
        const char *extra = "ssl_protocols TLSv1.2 TLSv1.3;";
        if (i == NGINX_TLS_1_2)
            extra = "ssl_protocols TLSv1.2;";
        else if (i == NGINX_TLS_1_3)
            extra = "ssl_protocols TLSv1.3;";
        else if (i == NGINX_MUTUAL)
            extra = mutual;
        write_tls_site(server, file, (nginx_site)i, extra);
    }
}

static void write_configuration(const nginx *server)
{
    static const char *const temporary[] = {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"};
    const char *directory = server->directory;
    char listen[128];
    FILE *file = create(server, "nginx.conf");
    fprintf(file, "daemon off; worker_processes 1; pid %s/pid; lock_file %s/lock;\n", directory,
            directory);
    if (geteuid() == 0)
        fprintf(file, "user root;\n"); /* no other could read our directory */
    fprintf(file, "error_log stderr crit;\nevents { worker_connections 4096; }\nhttp {\n"
                  "access_log off; keepalive_requests 1000000; large_client_header_buffers 8 64k;\n"
                  "ssl_session_cache shared:tls:1m; server_tokens off;\n");
    for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
        fprintf(file, "%s_temp_path %s/%s;\n", temporary[i], directory, temporary[i]);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", server->ports[NGINX_PLAIN]);
    write_plain_site(server, file, listen, "");
    snprintf(listen, sizeof listen, "[::1]:%u", server->ports[NGINX_PLAIN_V6]);
    write_plain_site(server, file, listen, "");
    snprintf(listen, sizeof listen, "unix:%s", server->unix_path);
    write_plain_site(server, file, listen, "");
    snprintf(listen, sizeof listen, "127.0.0.1:%u", server->ports[NGINX_FEW]);
    write_plain_site(server, file, listen, "keepalive_requests 3;");
    if (server->options.certificates != NULL)
        write_tls_sites(server, file);
    fprintf(file, "}\n");
    assert_int_equal(fclose(file), 0);
}

/* --- the process ----------------------------------------------------------------------------- */

static const char *find_program(void)
{
    static const char *const places[] = {"/usr/sbin/nginx", "/usr/bin/nginx",
                                         "/usr/local/sbin/nginx"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

static void run(const nginx *server, pid_t parent)
{
    char configuration[128];
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* the master takes its worker along */
    if (getppid() != parent)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(configuration, sizeof configuration, "%s/nginx.conf", server->directory);
    execl(find_program(), "nginx", "-p", server->directory, "-e", "stderr", "-c", configuration,
          (char *)NULL);
    _exit(127);
}

static void nap(void)
{
    struct timespec pause = {.tv_nsec = 5000000};
    nanosleep(&pause, NULL);
}

static bool can_connect(const nginx *server, nginx_site site)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(is_v6(site) ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    v4.sin_port = v6.sin6_port = htons(server->ports[site]);
    int status = is_v6(site) ? connect(fd, (struct sockaddr *)&v6, sizeof v6)
                             : connect(fd, (struct sockaddr *)&v4, sizeof v4);
    close(fd);
    return status == 0;
}

/* It opens its sockets one after the other. */
static bool has_opened_all(const nginx *server)
{
    int sites = server->options.certificates != NULL ? NGINX_SITES : NGINX_TLS;
    for (int i = 0; i < sites; i++) {
        if (!can_connect(server, (nginx_site)i))
            return false;
    }
    return true;
}

/* False: the process has ended, most likely for a port somebody else was faster to take. */
static bool try_start(nginx *server)
{
    pid_t parent = getpid();
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0)
        run(server, parent);
    for (int waited = 0; waited < PATIENCE_MS; waited += 5) {
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            return false;
        }
        if (has_opened_all(server))
            return true;
        nap();
    }
    nginx_halt(server, SIGKILL);
    fail_msg("nginx doesn't answer");
    return false;
}

int nginx_start(nginx *server, const nginx_options *options)
{
    static const nginx_options nothing;
    const char *base = getenv("TMPDIR");
    memset(server, 0, sizeof *server);
    if (find_program() == NULL)
        return -1;
    server->options = options != NULL ? *options : nothing;
    snprintf(server->directory, sizeof server->directory, "%.60s/hh-nginx-XXXXXX",
             base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(server->directory));
    snprintf(server->unix_path, sizeof server->unix_path, "%s/s", server->directory);
    snprintf(server->unix_tls_path, sizeof server->unix_tls_path, "%s/t", server->directory);
    server->dead_socket = bind_to(false, 0);
    make_files(server);
    for (int i = 0; i < STARTS_MAX; i++) {
        choose_ports(server);
        write_locations(server);
        write_configuration(server);
        if (try_start(server))
            return 0;
    }
    fail_msg("nginx doesn't start");
    return -1;
}

void nginx_halt(nginx *server, int signal)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, signal);
    for (int waited = 0; waitpid(server->pid, NULL, WNOHANG) == 0; waited += 5) {
        if (waited >= PATIENCE_MS)
            kill(server->pid, SIGTERM);
        nap();
    }
    server->pid = 0;
}

void nginx_resume(nginx *server)
{
    assert_int_equal(server->pid, 0);
    unlink(server->unix_path);
    unlink(server->unix_tls_path);
    if (!try_start(server))
        fail_msg("nginx doesn't start again");
}

void nginx_reload(nginx *server)
{
    assert_true(server->pid > 0);
    assert_int_equal(kill(server->pid, SIGHUP), 0);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void nginx_stop(nginx *server)
{
    nginx_halt(server, SIGTERM);
    if (server->directory[0] == '\0')
        return;
    nftw(server->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    release_twins(server);
    close(server->dead_socket);
    for (int i = 0; i < NGINX_FILES; i++)
        free(server->files[i].data);
    memset(server, 0, sizeof *server);
}

const char *nginx_url_as(const nginx *server, nginx_site site, const char *host, const char *path)
{
    static char urls[8][512];
    static unsigned next;
    char *url = urls[next++ % 8];
    snprintf(url, sizeof urls[0], "%s://%s:%u%s", site >= NGINX_TLS ? "https" : "http", host,
             server->ports[site], path);
    return url;
}

const char *nginx_url(const nginx *server, nginx_site site, const char *path)
{
    const char *host = site >= NGINX_TLS ? "localhost" : "127.0.0.1";
    return nginx_url_as(server, site, is_v6(site) ? "[::1]" : host, path);
}
