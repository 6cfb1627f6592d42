// A program and a plugin that were each linked with a static eddy: two copies of it in one process.
// SPDX-License-Identifier: MIT
#include "plugin/plugin.hpp"

#include "eddy/task/block_on.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <string>
#include <utility>

#include <dlfcn.h>

namespace eddy {
namespace {

template <class F>
F* of_plugin(const char* name) {
  static void* const plugin = ::dlopen(EDDY_TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
  if (plugin == nullptr) {
    ADD_FAILURE() << ::dlerror();
    return nullptr;
  }
  return reinterpret_cast<F*>(::dlsym(plugin, name));
}

std::unique_ptr<Task<>> task_that(const char* what) {
  const auto make = of_plugin<Task<>*(const char*)>("plugin_task");
  return std::unique_ptr<Task<>>(make == nullptr ? nullptr : make(what));
}

std::string name_of(const testing::TestParamInfo<const char*>& info) { return info.param; }

class TwoCopiesDeathTest : public testing::TestWithParam<const char*> {
 protected:
  TwoCopiesDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_P(TwoCopiesDeathTest, ATaskThatWaitsByTheOtherCopyStopsTheProgramWithAMessage) {
  const auto task = task_that(GetParam());
  ASSERT_NE(task, nullptr);
  EXPECT_EXIT(block_on(std::move(*task)), testing::KilledBySignal(SIGABRT),
              "eddy: a task waits by a copy of eddy that does not run it.*share one copy");
}

INSTANTIATE_TEST_SUITE_P(Waits, TwoCopiesDeathTest,
                         testing::Values("sleeps", "times_out", "selects", "groups", "joins",
                                         "accepts", "asks_for_its_waker"),
                         name_of);

TEST(TwoCopies, ATaskThatWaitsForNothingRunsByEitherCopy) {
  const auto task = task_that("waits_for_nothing");
  ASSERT_NE(task, nullptr);
  block_on(std::move(*task));
}

TEST(TwoCopies, APluginMayRunALoopOfItsOwn) {
  const auto run = of_plugin<bool()>("plugin_runs_a_loop");
  ASSERT_NE(run, nullptr);
  EXPECT_TRUE(run());
}

}  // namespace
}  // namespace eddy
