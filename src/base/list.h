/*
 * list.h - an intrusive, circular, doubly linked list: O(1) everywhere, no allocation.
 *
 * A head is an empty ring; a link that is in no list is zeroed. Removing it twice is harmless.
 */
#ifndef HH_BASE_LIST_H
#define HH_BASE_LIST_H

#include <stddef.h>

typedef struct hh_link {
    struct hh_link *next;
    struct hh_link *previous;
} hh_link;

typedef struct hh_list {
    hh_link head;
} hh_list;

static inline void hh__list_init(hh_list *list)
{
    list->head.next = &list->head;
    list->head.previous = &list->head;
}

static inline int hh__list_is_empty(const hh_list *list)
{
    return list->head.next == &list->head;
}

static inline int hh__link_is_listed(const hh_link *link)
{
    return link->next != NULL;
}

static inline void hh__list_insert_after(hh_link *where, hh_link *link)
{
    link->next = where->next;
    link->previous = where;
    where->next->previous = link;
    where->next = link;
}

static inline void hh__list_push_front(hh_list *list, hh_link *link)
{
    hh__list_insert_after(&list->head, link);
}

static inline void hh__list_push_back(hh_list *list, hh_link *link)
{
    hh__list_insert_after(list->head.previous, link);
}

static inline void hh__list_remove(hh_link *link)
{
    if (link->next == NULL)
        return;
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = NULL;
    link->previous = NULL;
}

/* The first or last link, NULL when empty. */
static inline hh_link *hh__list_first(const hh_list *list)
{
    return hh__list_is_empty(list) ? NULL : list->head.next;
}

static inline hh_link *hh__list_last(const hh_list *list)
{
    return hh__list_is_empty(list) ? NULL : list->head.previous;
}

/* The link behind `link`, NULL at the end. */
static inline hh_link *hh__list_next(const hh_list *list, const hh_link *link)
{
    return link->next == &list->head ? NULL : link->next;
}

static inline hh_link *hh__list_pop_front(hh_list *list)
{
    hh_link *first = hh__list_first(list);
    if (first != NULL)
        hh__list_remove(first);
    return first;
}

#endif
