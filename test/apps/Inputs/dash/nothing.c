/* What loop.sh starts. */
int main(void)
{
    return 0;
}
