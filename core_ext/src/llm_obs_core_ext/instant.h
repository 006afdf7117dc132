/* Times of RFC 3339, as llm_obs_core.normalizer.elapsed reads them. */
#ifndef LLM_OBS_INSTANT_H
#define LLM_OBS_INSTANT_H
#include <stddef.h>
#include <stdint.h>

/* `count` digits at p as a number, or -1. */
static inline int instant_digits(const uint8_t *p, int count) {
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9') return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

static inline int instant_days_in(int year, int month) {
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01 of a day of the Gregorian calendar. */
static inline int64_t instant_day(int year, int month, int day) {
    int64_t years = year - 1, days = years * 365 + years / 4 - years / 100 + years / 400;
    for (int i = 1; i < month; i++) days += instant_days_in(year, i);
    return days + day - 1 - 719162;
}

static inline int instant_read(const uint8_t *p, size_t n, int64_t *seconds, uint32_t *nanoseconds) {
    int year, month, day, hour, minute, second, sign = 0, hours = 0, minutes = 0;
    uint32_t fraction = 0, scale = 100000000;
    size_t i = 19;
    if (n < 20) return 0;
    year = instant_digits(p, 4);
    month = instant_digits(p + 5, 2);
    day = instant_digits(p + 8, 2);
    hour = instant_digits(p + 11, 2);
    minute = instant_digits(p + 14, 2);
    second = instant_digits(p + 17, 2);
    if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':') return 0;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > instant_days_in(year, month)) return 0;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return 0;
    if (p[i] == '.') {
        size_t first = ++i;
        for (; i < n && p[i] >= '0' && p[i] <= '9'; i++, scale /= 10) fraction += scale * (uint32_t)(p[i] - '0');
        if (i == first) return 0;
    }
    if (i < n && p[i] == 'Z') {
        if (i + 1 != n) return 0;
    } else {
        if (n - i != 6 || (p[i] != '+' && p[i] != '-') || p[i + 3] != ':') return 0;
        sign = p[i] == '-' ? -1 : 1;
        hours = instant_digits(p + i + 1, 2);
        minutes = instant_digits(p + i + 4, 2);
        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return 0;
    }
    *seconds = ((instant_day(year, month, day) * 24 + hour) * 60 + minute) * 60 + second - sign * (hours * 60 + minutes) * 60;
    *nanoseconds = fraction;
    return 1;
}

/* Seconds from a start to an instant that is not before it. */
static inline int instant_after(int64_t seconds, uint32_t nanoseconds, uint64_t start_ns, double *out) {
    __int128 after = (__int128)seconds * 1000000000 + nanoseconds - start_ns;
    *out = (double)after / 1e9;
    return after >= 0;
}
#endif
