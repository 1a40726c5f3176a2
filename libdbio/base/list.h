/* list.h - intrusive doubly linked ring. The head is a link whose ring is the list. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "base/compiler.h"

struct dbio_link {
    struct dbio_link *next, *prev;
};

static inline void
dbio__list_init(struct dbio_link *head)
{
    head->next = head->prev = head;
}

static inline bool
dbio__list_empty(const struct dbio_link *head)
{
    return head->next == head;
}

static inline void
dbio__list_append(struct dbio_link *head, struct dbio_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void
dbio__list_remove(struct dbio_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->next = link->prev = link;
}

#endif
