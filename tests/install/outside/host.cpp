// A program without eddy, which loads a plugin.
// SPDX-License-Identifier: MIT
#include <cstdio>

#include <dlfcn.h>

int main(int, char** arguments) {
  void* const plugin = ::dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) return std::puts(::dlerror()), 2;
  return reinterpret_cast<int (*)()>(::dlsym(plugin, "answer_of_plugin"))() == 42 ? 0 : 1;
}
