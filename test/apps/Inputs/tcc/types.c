struct node { struct node *next; union { int i; double d; char bytes[8]; } value; unsigned flag : 3, rest : 29; };
typedef int (*function)(int, ...);
static int table[3][4] = {{1, 2, 3, 4}, {[2] = 7}, {0}};
static const char text[] = "string literal " "joined";
extern int printf(const char *, ...);
long long shift(unsigned long long x, int n) { return (long long)(x << n) ^ (long long)(x >> (64 - n)); }
double mix(float f, double d, long double l) { return f * d + (double)l / 3; }
static int choose(int n)
{
    switch (n) {
    case 0: return 1;
    case 1 ... 5: n *= 2; break;
    default: goto out;
    }
    for (int i = 0; i < n; i++) {
        if (i % 3 == 0)
            continue;
        while (n > 100)
            n -= 7;
        do n++; while (n & 1);
    }
out:
    return n ? choose(n / 2) + table[n % 3][n & 3] : sizeof text;
}
int main(int argc, char **argv)
{
    struct node a = {.value.d = 1.5, .flag = 5}, b = a;
    function f = (function)printf;
    int vla[argc + 1];
    vla[argc] = choose(argc);
    b.next = &a;
    return f("%d %f %lld\n", vla[argc], mix(1, b.value.d, 2), shift(argc, 3)) < 0;
}
