/* The verifiers: each decides at one place whether its expression matches there, and how far, exactly as RE2 would.
 *
 * The expressions are written above them. `left` and `right` stand for: no digit, letter, '_', '.' or '-' before; no
 * digit, letter or '_' after. None may look at more than a bounded number of bytes twice: senders choose the texts.
 */
#ifndef LLM_OBS_TEXTSCAN_VERIFY_H
#define LLM_OBS_TEXTSCAN_VERIFY_H

enum {
    C_DIGIT = 1, C_UPPER = 2, C_LOWER = 4, C_ALNUM = 7, C_WORD = 8, C_LEFT = 16, C_LOCAL = 32, C_LABEL = 64, C_KEY = 128,
    C_BASE64 = 256, C_TOKEN = 512, C_SPACE = 1024, C_PEM = 2048, C_PEM_BODY = 4096, C_URL = 8192, C_SCHEME = 16384,
    C_HEX = 32768, C_BASE32 = 1 << 16, C_QUOTE = 1 << 17, C_BANNER = 1 << 18
};

static uint32_t ts_class[256];

static void ts_classes(void) {
    for (int c = 0; c < 256; c++) {
        int digit = c >= '0' && c <= '9', upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
        int alnum = digit || upper || lower, word = alnum || c == '_';
        int space = c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
        int base64 = alnum || c == '+' || c == '/';
        uint32_t is = 0;
        if (digit) is |= C_DIGIT;
        if (upper) is |= C_UPPER;
        if (lower) is |= C_LOWER;
        if (word) is |= C_WORD;
        if (word || c == '.' || c == '-') is |= C_LEFT;
        if (word || c == '.' || c == '%' || c == '+' || c == '-') is |= C_LOCAL;
        if (alnum || c == '-') is |= C_LABEL;
        if (word || c == '-') is |= C_KEY;
        if (base64) is |= C_BASE64;
        if (base64 || c == '.' || c == '_' || c == '~' || c == '=' || c == '-') is |= C_TOKEN;
        if (space) is |= C_SPACE;
        if (base64 || c == '=' || space) is |= C_PEM_BODY | C_PEM;
        if (c == ':' || c == ',' || c == '-') is |= C_PEM;
        if (!space && c != ':' && c != '/' && c != '@' && c != '"') is |= C_URL;
        if (digit || lower || c == '+' || c == '.' || c == '-') is |= C_SCHEME;
        if (digit || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f')) is |= C_HEX;
        if (upper || (c >= '2' && c <= '7')) is |= C_BASE32;
        if (c == '"' || c == '\'' || c == ' ') is |= C_QUOTE;
        if (upper || c == ' ') is |= C_BANNER;
        ts_class[c] = is;
    }
}

static inline int ts_is(const ts_search *s, uint32_t at, uint32_t class) {
    return at < s->n && (ts_class[s->p[at]] & class) != 0;
}

/* The end of the run of a class from `at`, at most `most` bytes. */
static inline uint32_t ts_run(const ts_search *s, uint32_t at, uint32_t class, uint32_t most) {
    uint32_t end = s->n - at < most ? s->n : at + most;
    while (at < end && ts_class[s->p[at]] & class) at++;
    return at;
}

/* A word's border before (or behind) what begins (or ended) with a letter, digit or '_': RE2's \b. */
static inline int ts_border_before(const ts_search *s, uint32_t at) { return at == 0 || !ts_is(s, at - 1, C_WORD); }
static inline int ts_border_at(const ts_search *s, uint32_t at) { return !ts_is(s, at, C_WORD); }

static inline int ts_literal(const ts_search *s, uint32_t at, const char *text) {
    size_t length = strlen(text);
    return at <= s->n && s->n - at >= length && memcmp(s->p + at, text, length) == 0;
}

/* The same without regard to the case of letters; `text` is lower-case letters. */
static inline int ts_letters(const ts_search *s, uint32_t at, const char *text) {
    for (; *text; text++, at++)
        if (at >= s->n || (s->p[at] | 0x20) != *text) return 0;
    return 1;
}

static void ts_match(ts_search *s, int pattern, uint32_t start, uint32_t end, uint32_t resume) {
    ts_add(s, pattern, start, end);
    s->resume[pattern] = resume;
}

/* --- keys: a prefix, then so many of a class ------------------------------------------------------------------------ */
struct ts_key {
    int pattern;
    const char *prefix;  /* [..]: one of these */
    uint32_t class, least, most;
    int right;           /* a word's border must follow */
};

/* \b(?:AKIA|ASIA)[A-Z2-7]{16}\b */
static const struct ts_key TS_AWS = {TS_AWS_ACCESS_KEY, "A[KS]IA", C_BASE32, 16, 16, 1};
/* \b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}) */
static const struct ts_key TS_GITHUB = {TS_GITHUB_TOKEN, "gh[pousr]_", C_ALNUM, 36, 255, 0};
static const struct ts_key TS_GITHUB_PAT = {TS_GITHUB_TOKEN, "github_pat_", C_WORD, 22, 255, 0};
/* \bsk-[A-Za-z0-9_-]{20,255} */
static const struct ts_key TS_SK = {TS_API_KEY, "sk-", C_KEY, 20, 255, 0};
/* \bAIza[A-Za-z0-9_-]{35} */
static const struct ts_key TS_GOOGLE = {TS_GOOGLE_API_KEY, "AIza", C_KEY, 35, 35, 0};
/* \bxox[abprs]-[A-Za-z0-9-]{10,255} */
static const struct ts_key TS_SLACK_KEY = {TS_SLACK_TOKEN, "xox[abprs]-", C_LABEL, 10, 255, 0};

static void ts_key_format(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t i = at, end;
    if (at < s->resume[key->pattern] || !ts_border_before(s, at)) return;
    for (const char *want = key->prefix; *want; want++, i++) {
        if (i >= s->n) return;
        if (*want == '[') {
            const char *close = strchr(want, ']');
            if (memchr(want + 1, s->p[i], (size_t)(close - want - 1)) == NULL) return;
            want = close;
        } else if (s->p[i] != *want) {
            return;
        }
    }
    end = ts_run(s, i, key->class, key->most);
    if (end - i >= key->least && (!key->right || ts_border_at(s, end))) ts_match(s, key->pattern, at, end, end);
}

/* --- addresses ------------------------------------------------------------------------------------------------------ */
/* [A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}\b, from its '@'. A label reaches from dot to dot, so
 * the match ends at the last of them that could be a top-level domain. */
static void ts_email(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t start = at, i = at + 1, end, last = 0;
    (void)key;
    while (start > s->resume[TS_EMAIL] && at - start < 64 && ts_is(s, start - 1, C_LOCAL)) start--;
    if (start == at) return;
    for (;;) {
        end = ts_run(s, i, C_LABEL, 64);
        if (end == i || end - i > 63 || end >= s->n || s->p[end] != '.') break;
        i = end + 1;
        end = ts_run(s, i, C_UPPER | C_LOWER, 25);
        if (end - i >= 2 && end - i <= 24 && ts_border_at(s, end)) last = end;
    }
    if (last) ts_match(s, TS_EMAIL, start, last, last);
}

/* [a-z][a-z0-9+.-]{1,20}://[^\s:/@"]{1,64}:([^\s:/@"]{1,128})@, backwards from its '@' */
static void ts_url_password(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t i = at, user, colon;
    (void)key;
    while (i > 0 && at - i < 129 && ts_is(s, i - 1, C_URL)) i--;
    if (i == at || at - i > 128 || i == 0 || s->p[i - 1] != ':') return;
    user = i - 1;
    colon = user;
    while (colon > 0 && user - colon < 65 && ts_is(s, colon - 1, C_URL)) colon--;
    if (colon == user || user - colon > 64 || colon < 5 || memcmp(s->p + colon - 3, "://", 3) != 0) return;
    colon -= 3;
    for (uint32_t k = 1; k <= 21 && k <= colon && ts_is(s, colon - k, C_SCHEME); k++)
        if (k >= 2 && ts_is(s, colon - k, C_LOWER)) {
            ts_match(s, TS_URL_PASSWORD, i, at, at + 1);
            return;
        }
}

/* The end of a number of one to three digits up to 255, as (?:25[0-5]|2[0-4]\d|1?\d?\d) takes it; 0 when it is none. */
static uint32_t ts_octet(const ts_search *s, uint32_t at) {
    uint32_t end = ts_run(s, at, C_DIGIT, 4);
    if (end == at || end - at > 3) return 0;
    if (end - at == 3 && s->p[at] != '1' && (s->p[at] != '2' || memcmp(s->p + at, "255", 3) > 0)) return 0;
    return end;
}

/* \b(?:octet\.){3}octet\b, from the last digit of the first one */
static void ts_ipv4(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t start = at, end;
    (void)key;
    while (start > 0 && at - start < 3 && ts_is(s, start - 1, C_DIGIT)) start--;
    if (start < s->resume[TS_IPV4] || !ts_border_before(s, start)) return;
    end = start;
    for (int octet = 0; octet < 4; octet++) {
        end = ts_octet(s, end);
        if (end == 0) return;
        if (octet < 3 && (end >= s->n || s->p[end++] != '.')) return;
    }
    if (ts_border_at(s, end)) ts_match(s, TS_IPV4, start, end, end);
}

/* \b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b */
static void ts_mac_address(ts_search *s, uint32_t at, const struct ts_key *key) {
    (void)key;
    if (at < s->resume[TS_MAC_ADDRESS] || s->n - at < 17 || !ts_border_before(s, at)) return;
    for (uint32_t i = 0; i < 17; i++)
        if (i % 3 == 2 ? s->p[at + i] != ':' : !ts_is(s, at + i, C_HEX)) return;
    if (ts_border_at(s, at + 17)) ts_match(s, TS_MAC_ADDRESS, at, at + 17, at + 17);
}

/* --- numbers -------------------------------------------------------------------------------------------------------- */
/* Whether a number may begin here: not within a longer number, a fraction or an identifier. What stands before belongs to
 * the expression, so it may not belong to the match before. */
static inline int ts_left(const ts_search *s, uint32_t at, int pattern) {
    return at == 0 || (at - 1 >= s->resume[pattern] && !ts_is(s, at - 1, C_LEFT));
}

/* Digits in groups, each with one blank or dash or nothing before; returns the end, 0 when there are not so many. */
static uint32_t ts_groups(const ts_search *s, uint32_t at, const uint8_t *sizes, int count) {
    for (int group = 0; group < count; group++) {
        if (group && at < s->n && (s->p[at] == ' ' || s->p[at] == '-')) at++;
        if (ts_run(s, at, C_DIGIT, sizes[group]) - at < sizes[group]) return 0;
        at += sizes[group];
    }
    return at;
}

/* The check digit of ISO/IEC 7812-1, annex B; numbers of one repeated digit are placeholders. */
static int ts_luhn(const ts_search *s, uint32_t at, uint32_t end) {
    uint32_t sum = 0, seen = 0, digit, place = 0;
    while (end > at) {
        if (!ts_is(s, --end, C_DIGIT)) continue;
        digit = s->p[end] - '0';
        seen |= 1u << digit;
        if (place++ & 1) digit = 2 * digit > 9 ? 2 * digit - 9 : 2 * digit;
        sum += digit;
    }
    return sum % 10 == 0 && (seen & (seen - 1)) != 0;
}

/* left((?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})(?:[ -]?\d{4}){3}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}|
 *      3(?:0[0-5]|[68]\d)\d[ -]?\d{6}[ -]?\d{4})\b, and Luhn */
static void ts_credit_card(ts_search *s, uint32_t at, const struct ts_key *key) {
    static const uint8_t sixteen[] = {4, 4, 4, 4}, amex[] = {4, 6, 5}, diners[] = {4, 6, 4};
    const uint8_t *p = s->p + at;
    uint32_t end = 0;
    (void)key;
    if (!ts_left(s, at, TS_CREDIT_CARD) || s->n - at < 14) return;
    if (p[0] == '4' || (p[0] == '5' && p[1] >= '1' && p[1] <= '5') || (p[0] == '2' && p[1] >= '2' && p[1] <= '7') ||
        (p[0] == '6' && (p[1] == '5' || memcmp(p, "6011", 4) == 0)))
        end = ts_groups(s, at, sixteen, 4);
    else if (p[0] == '3' && (p[1] == '4' || p[1] == '7'))
        end = ts_groups(s, at, amex, 3);
    else if (p[0] == '3' && (p[1] == '6' || p[1] == '8' || (p[1] == '0' && p[2] <= '5')))
        end = ts_groups(s, at, diners, 3);
    if (end && ts_border_at(s, end) && ts_luhn(s, at, end)) ts_match(s, TS_CREDIT_CARD, at, end, end);
}

/* left(\d{3}-\d{2}-\d{4})\b, without the numbers that are never given out */
static void ts_us_ssn(ts_search *s, uint32_t at, const struct ts_key *key) {
    const uint8_t *p = s->p + at;
    (void)key;
    if (!ts_left(s, at, TS_US_SSN) || s->n - at < 11 || p[3] != '-' || p[6] != '-') return;
    if (ts_run(s, at + 4, C_DIGIT, 2) != at + 6 || ts_run(s, at + 7, C_DIGIT, 4) != at + 11) return;
    if (!ts_border_at(s, at + 11) || memcmp(p, "000", 3) == 0 || memcmp(p, "666", 3) == 0 || p[0] == '9') return;
    if (memcmp(p + 4, "00", 2) == 0 || memcmp(p + 7, "0000", 4) == 0) return;
    ts_match(s, TS_US_SSN, at, at + 11, at + 11);
}

/* (?:[ .-]?\d{2,4}){..4} from the `count`th group, at least two in all, then \b; greedy, the end or 0. `tried`: places, from
 * `first`, where so many groups led nowhere, by count. */
static uint32_t ts_phone_groups(const ts_search *s, uint32_t at, int count, uint32_t first, uint64_t *tried) {
    uint32_t digits, end;
    if (tried[count] >> (at - first) & 1) return 0;
    tried[count] |= (uint64_t)1 << (at - first);
    if (count < 4) {
        digits = at + (at < s->n && (s->p[at] == ' ' || s->p[at] == '.' || s->p[at] == '-'));
        for (end = ts_run(s, digits, C_DIGIT, 4); end >= digits + 2; end--) {
            uint32_t found = ts_phone_groups(s, end, count + 1, first, tried);
            if (found) return found;
        }
    }
    return count >= 2 && ts_border_at(s, at) ? at : 0;
}

/* \+[1-9]\d{0,2}[ .-]?\(?\d{1,4}\)?(?:[ .-]?\d{2,4}){2,4}\b */
static void ts_phone(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint64_t tried[5] = {0};
    uint32_t country, area, i, end, found;
    (void)key;
    if (at < s->resume[TS_PHONE]) return;
    for (country = ts_run(s, at + 2, C_DIGIT, 2); country >= at + 2; country--) {
        i = country + (country < s->n && (s->p[country] == ' ' || s->p[country] == '.' || s->p[country] == '-'));
        i += i < s->n && s->p[i] == '(';
        for (area = ts_run(s, i, C_DIGIT, 4); area > i; area--) {
            end = area + (area < s->n && s->p[area] == ')');
            found = ts_phone_groups(s, end, 0, at, tried);
            if (found) {
                ts_match(s, TS_PHONE, at, found, found);
                return;
            }
        }
    }
}

/* Lengths of account numbers by country (ISO 13616 registry). */
static uint32_t ts_iban_length(const uint8_t *country) {
    static const char *const lengths[32] = {
        [15] = "NO", [16] = "BE", [18] = "DK FI NL", [19] = "SI", [20] = "AT EE LT LU", [21] = "CH HR LI LV",
        [22] = "BG DE GB IE RS", [23] = "AE IL", [24] = "AD CZ ES RO SA SE SK", [25] = "PT", [26] = "IS TR",
        [27] = "FR GR IT MC SM", [28] = "CY HU PL", [29] = "BR QA UA", [31] = "MT",
    };
    for (uint32_t length = 15; length < 32; length++)
        for (const char *name = lengths[length]; name != NULL && *name; name += name[2] ? 3 : 2)
            if (name[0] == country[0] && name[1] == country[1]) return length;
    return 0;
}

/* \b[A-Z]{2}\d{2}(?: ?[A-Z0-9])+, as many as the country's numbers have and no more, and ISO 13616's modulo 97 */
static void ts_iban(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t length = ts_iban_length(s->p + at), end = at, seen = 0, rest = 0;
    uint8_t bare[32];
    (void)key;
    if (length == 0 || at < s->resume[TS_IBAN] || !ts_border_before(s, at) || !ts_is(s, at + 3, C_DIGIT)) return;
    while (seen < length) {
        if (seen >= 4 && end < s->n && s->p[end] == ' ') end++;
        if (!ts_is(s, end, C_DIGIT | C_UPPER)) return;
        bare[seen++] = s->p[end++];
    }
    if (ts_is(s, end, C_DIGIT | C_UPPER)) return;
    for (uint32_t i = 0; i < length; i++) {
        uint8_t c = bare[(i + 4) % length];
        rest = c <= '9' ? (rest * 10 + c - '0') % 97 : (rest * 100 + c - 'A' + 10) % 97;
    }
    if (rest == 1) ts_match(s, TS_IBAN, at, end, end);
}

/* --- secrets by context --------------------------------------------------------------------------------------------- */
/* (?i:secret[_ -]?(?:access[_ -]?)?key)["' ]*[:=]?["' ]*([A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$) */
static void ts_aws_secret_key(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t i = at + 6, end;
    (void)key;
    if (at < s->resume[TS_AWS_SECRET_KEY] || !ts_letters(s, at, "secret")) return;
    i += i < s->n && (s->p[i] == '_' || s->p[i] == ' ' || s->p[i] == '-');
    if (ts_letters(s, i, "access")) {
        i += 6;
        i += i < s->n && (s->p[i] == '_' || s->p[i] == ' ' || s->p[i] == '-');
    }
    if (!ts_letters(s, i, "key")) return;
    i = ts_run(s, i + 3, C_QUOTE, UINT32_MAX);
    i += i < s->n && (s->p[i] == ':' || s->p[i] == '=');
    i = ts_run(s, i, C_QUOTE, UINT32_MAX);
    end = ts_run(s, i, C_BASE64, 41);
    if (end - i == 40 && (end >= s->n || s->p[end] != '=')) ts_match(s, TS_AWS_SECRET_KEY, i, end, end);
}

/* (?i:\bbearer)[ ]+([A-Za-z0-9._~+/=-]{16,}), with a digit in it */
static void ts_bearer_token(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t i = at + 6, start, end;
    (void)key;
    if (at < s->resume[TS_BEARER_TOKEN] || !ts_border_before(s, at) || !ts_letters(s, at, "bearer")) return;
    for (start = i; start < s->n && s->p[start] == ' '; start++) {}
    if (start == i) return;
    end = ts_run(s, start, C_TOKEN, UINT32_MAX);
    if (end - start < 16) return;
    for (i = start; i < end; i++)
        if (ts_is(s, i, C_DIGIT)) {
            ts_match(s, TS_BEARER_TOKEN, start, end, end);
            return;
        }
}

static uint32_t ts_sextet(uint8_t c) {
    return c >= 'a' ? c - 'a' + 26u : c >= 'A' ? c - 'A' + 0u : c >= '0' ? c - '0' + 52u : c == '+' ? 62u : 63u;
}

/* (?i:\bbasic)[ ]+([A-Za-z0-9+/]{4,}={0,2}), base64 of printable ASCII with a colon in it */
static void ts_basic_credentials(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t start, end, i, bits = 0, held = 0, colon = 0;
    (void)key;
    if (at < s->resume[TS_BASIC_CREDENTIALS] || !ts_border_before(s, at) || !ts_letters(s, at, "basic")) return;
    for (start = at + 5; start < s->n && s->p[start] == ' '; start++) {}
    if (start == at + 5) return;
    end = ts_run(s, start, C_BASE64, UINT32_MAX);
    if (end - start < 4 || (end - start) % 4 == 1) return;
    for (i = start; i < end; i++) {
        bits = bits << 6 | ts_sextet(s->p[i]);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        uint8_t c = (uint8_t)(bits >> held);
        if (c < 0x20 || c > 0x7e) return;
        colon |= c == ':';
    }
    for (i = 0; i < 2 && end < s->n && s->p[end] == '='; i++) end++;
    if (colon) ts_match(s, TS_BASIC_CREDENTIALS, start, end, end);
}

/* The end of a part of a JWT, measured once: parts that begin with the next "eyJ" of the same run end there too. */
static uint32_t ts_jwt_part(ts_search *s, uint32_t at, int part) {
    if (at < s->run_at[part] || at >= s->run_end[part]) {
        s->run_at[part] = at;
        s->run_end[part] = ts_run(s, at, C_KEY, UINT32_MAX);
    }
    return s->run_end[part];
}

/* \beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,} */
static void ts_jwt(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t first, second, third;
    (void)key;
    if (at < s->resume[TS_JWT] || !ts_border_before(s, at) || s->n - at < 32) return;
    first = ts_jwt_part(s, at + 3, 0);
    if (first < at + 11 || !ts_literal(s, first, ".eyJ")) return;
    second = ts_jwt_part(s, first + 4, 1);
    if (second < first + 12 || second >= s->n || s->p[second] != '.') return;
    third = ts_jwt_part(s, second + 1, 2);
    if (third >= second + 9) ts_match(s, TS_JWT, at, third, third);
}

/* The end of [A-Z ]*PRIVATE KEY----- from `at`; 0 when it does not follow. */
static uint32_t ts_pem_banner(const ts_search *s, uint32_t at) {
    uint32_t end = ts_run(s, at, C_BANNER, UINT32_MAX);
    if (end - at < 11 || memcmp(s->p + end - 11, "PRIVATE KEY", 11) != 0 || !ts_literal(s, end, "-----")) return 0;
    return end + 5;
}

/* -----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s:,-]*?-----END [A-Z ]*PRIVATE KEY-----|[A-Za-z0-9+/=\s]*) */
static void ts_private_key(ts_search *s, uint32_t at, const struct ts_key *key) {
    uint32_t body, i, end = 0;
    (void)key;
    if (at < s->resume[TS_PRIVATE_KEY] || !ts_literal(s, at, "-----BEGIN ")) return;
    body = ts_pem_banner(s, at + 11);
    if (body == 0) return;
    if (body < s->pem_at || body >= s->pem_end) {
        for (i = body; end == 0 && ts_is(s, i, C_PEM); i++)
            if (s->p[i] == '-' && ts_literal(s, i, "-----END ")) end = ts_pem_banner(s, i + 9);
        s->pem_at = body;
        s->pem_end = end ? 0 : i;
    }
    if (end == 0) end = ts_run(s, body, C_PEM_BODY, UINT32_MAX);
    ts_match(s, TS_PRIVATE_KEY, at, end, end);
}

#define TS_SHORTEST 6  /* a@b.cc */
#endif
