/* The measured commands of speed.py: what they do must cost nothing that could be mistaken for the launcher's cost.
 *   speed stamp                          writes the monotonic clock to descriptor 3 as the first thing it does
 *   speed flood BYTES BLOCK LINGER_MS    writes BYTES to descriptor 2, BLOCK at a time, its own time to descriptor 3
 *   speed latency COUNT PACE_US          times COUNT writes of 80 bytes to descriptor 2, the figures to descriptor 3
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    long long x = *(const long long *)a, y = *(const long long *)b;
    return x < y ? -1 : x > y;
}

int main(int count, char **words) {
    char text[256];
    long long start = now();
    if (count == 2 && !strcmp(words[1], "stamp")) {
        int length = snprintf(text, sizeof text, "%lld\n", start);
        return write(3, text, length) != length;
    }
    if (count == 5 && !strcmp(words[1], "flood")) {
        long long left = atoll(words[2]), block = atoll(words[3]);
        char *data = malloc(block);
        memset(data, 'x', block);
        while (left > 0) {
            ssize_t done = write(2, data, left < block ? left : block);
            if (done < 0) return 1;
            left -= done;
        }
        int length = snprintf(text, sizeof text, "%lld\n", now() - start);
        if (write(3, text, length) != length) return 1;
        usleep(atoi(words[4]) * 1000);
        return 0;
    }
    if (count == 4 && !strcmp(words[1], "latency")) {
        int writes = atoi(words[2]), pace = atoi(words[3]);
        long long *times = malloc(writes * sizeof *times);
        memset(text, 'x', 79);
        text[79] = '\n';
        for (int i = 0; i < writes; i++) {
            long long before = now();
            if (write(2, text, 80) != 80) return 1;
            times[i] = now() - before;
            if (pace) usleep(pace);
        }
        qsort(times, writes, sizeof *times, ascending);
        int length = snprintf(text, sizeof text, "%lld %lld\n", times[writes / 2], times[writes * 99LL / 100]);
        return write(3, text, length) != length;
    }
    return 2;
}
