/*
 * dnsmasq.c - starts and stops dnsmasq; see dnsmasq.h.
 */
#include "dnsmasq.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGUMENTS_MAX 48

static const char *find_program(void)
{
    static const char *const places[] = {"/usr/sbin/dnsmasq", "/usr/bin/dnsmasq",
                                         "/usr/local/sbin/dnsmasq"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (access(places[i], X_OK) == 0)
            return places[i];
    }
    return NULL;
}

static unsigned free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static void run(const char *program, const char *port, const char *const *options, int log)
{
    char *arguments[ARGUMENTS_MAX];
    static const char *const always[] = {"--no-daemon",          "--listen-address=127.0.0.1",
                                         "--bind-interfaces",    "--no-resolv",
                                         "--no-hosts",           "--no-poll",
                                         "--pid-file=",          "--no-ping",
                                         "--conf-file=/dev/null"};
    size_t count = 0;
    /* Its death with ours would be forgotten if it changed its user. */
    const char *user = geteuid() == 0 ? "--user=root" : NULL;
    arguments[count++] = strdup(program);
    arguments[count++] = strdup(port);
    if (user != NULL)
        arguments[count++] = strdup(user);
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
        arguments[count++] = strdup(always[i]);
    for (size_t i = 0; options[i] != NULL && count < ARGUMENTS_MAX - 1; i++)
        arguments[count++] = strdup(options[i]);
    arguments[count] = NULL;
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(program, arguments);
    _exit(127);
}

/* True when it says it has started; false when it ended. */
static int has_started(int log)
{
    char text[4096];
    size_t length = 0;
    while (length < sizeof(text) - 1) {
        ssize_t count = read(log, text + length, sizeof(text) - 1 - length);
        if (count <= 0)
            break;
        length += (size_t)count;
        text[length] = '\0';
        if (strstr(text, "started, version") != NULL)
            return 1;
    }
    text[length] = '\0';
    print_message("%s", text);
    return 0;
}

int dnsmasq_start(dnsmasq *server, const char *const *options)
{
    const char *program = find_program();
    if (program == NULL)
        return -1;
    for (int attempt = 0; attempt < 10; attempt++) {
        unsigned port = free_port();
        char port_option[32];
        int pipes[2];
        pid_t parent = getpid();
        snprintf(port_option, sizeof(port_option), "--port=%u", port);
        assert_int_equal(pipe(pipes), 0);
        server->pid = fork();
        assert_true(server->pid >= 0);
        if (server->pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() != parent)
                _exit(127);
            close(pipes[0]);
            run(program, port_option, options, pipes[1]);
        }
        close(pipes[1]);
        server->log = pipes[0];
        if (has_started(server->log)) {
            snprintf(server->address, sizeof(server->address), "127.0.0.1:%u", port);
            return 0;
        }
        dnsmasq_stop(server);
    }
    fail_msg("dnsmasq doesn't start");
    return -1;
}

void dnsmasq_stop(dnsmasq *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    close(server->log);
    server->pid = 0;
}
