#define CAT(a, b) a##b
#define STR(x) #x
#define LIST(X) X(one) X(two)
#define ENUM(n) CAT(enum_, n) = sizeof STR(n),
enum { LIST(ENUM) };
#if defined(LIST) && (3 > 2 ? 1 : 0) && !defined(NOTHING)
int yes = __LINE__;
#else
#error never
#endif
const char *s = STR(a "quoted" \n string);
