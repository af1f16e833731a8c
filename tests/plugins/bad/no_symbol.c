/* A library, but no plugin. */
int not_a_plugin(void) {
  return 0;
}
