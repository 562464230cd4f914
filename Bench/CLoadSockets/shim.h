#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
