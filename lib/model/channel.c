/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE /* MSG_CMSG_CLOEXEC */
#include "model/channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

typedef union control {
    struct cmsghdr header; /* for its alignment */
    char bytes[CMSG_SPACE(sizeof(int))];
} control;

af_sent af_channel_send(int socket, const void *message, size_t size, int descriptor)
{
    struct iovec part = {.iov_len = size};
    memcpy(&part.iov_base, &message, sizeof message); /* which sendmsg only reads */
    control space = {.bytes = {0}};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor >= 0) {
        packet.msg_control = space.bytes;
        packet.msg_controllen = sizeof space.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&packet);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof descriptor);
        memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &packet, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent == (ssize_t)size)
        return AF_SENT;
    return sent < 0 && errno != EPIPE && errno != ECONNRESET ? AF_SENT_NOT : AF_SENT_END;
}

int af_channel_is_ready(int socket, int32_t timeout)
{
    struct pollfd wanted = {.fd = socket, .events = POLLIN};
    return poll(&wanted, 1, timeout) > 0;
}

static int wait_for(int socket, int32_t timeout)
{
    const int64_t end = af_milliseconds() + timeout;
    struct pollfd wanted = {.fd = socket, .events = POLLIN};
    for (;;) {
        const int64_t left = timeout ? end - af_milliseconds() : -1;
        const int ready = poll(&wanted, 1, timeout && left < 0 ? 0 : (int)left);
        if (ready > 0)
            return 1;
        if (ready == 0 || errno != EINTR)
            return 0;
    }
}

af_received af_channel_receive(int socket, void *message, size_t size, int *descriptor,
                               int32_t timeout)
{
    if (descriptor)
        *descriptor = -1;
    if (!wait_for(socket, timeout))
        return AF_RECEIVED_NOTHING;
    struct iovec part = {.iov_base = message, .iov_len = size};
    control space = {.bytes = {0}};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor) { /* without, the kernel drops what comes along */
        packet.msg_control = space.bytes;
        packet.msg_controllen = sizeof space.bytes;
    }
    ssize_t got;
    do
        got = recvmsg(socket, &packet, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *header = descriptor && got > 0 ? CMSG_FIRSTHDR(&packet) : NULL;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof *descriptor))
        memcpy(descriptor, CMSG_DATA(header), sizeof *descriptor);
    return got == (ssize_t)size && !(packet.msg_flags & MSG_TRUNC) ? AF_RECEIVED : AF_RECEIVED_END;
}
