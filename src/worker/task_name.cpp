// SPDX-License-Identifier: MIT

#include "eddy/worker/dump.hpp"
#include "eddy/worker/inbox.hpp"
#include "eddy/worker/waker_cell.hpp"
#include "eddy/worker/worker.hpp"

#include <algorithm>
#include <utility>

namespace eddy {
namespace detail {
namespace {

NamedCell& named_cell_of(PromiseBase& task) {
  if (task.has_cell && task.cell()->named) return static_cast<NamedCell&>(*task.cell());
  auto* cell = new NamedCell(Worker::current().inbox(), task);
  task.cell() = cell;
  task.has_cell = true;
  return *cell;
}

/// How many bytes of `name` to keep: up to the limit, without a cut UTF-8 character at the end.
std::size_t fitting(std::string_view name) noexcept {
  if (name.size() <= kTaskNameLimit) return name.size();
  std::size_t end = kTaskNameLimit;
  // At most three steps: no UTF-8 character has more continuation bytes.
  for (int i = 0; i < 3 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80; ++i) --end;
  return end;
}

}  // namespace

NamedCell::NamedCell(Inbox& home, PromiseBase& header) noexcept
    : WakerCell(home, header, true), plain(header.has_cell ? header.cell() : nullptr) {}

void end_cell(WakerCell& cell) noexcept {
  cell.task = nullptr;
  if (cell.named) {
    if (WakerCell* plain = std::exchange(static_cast<NamedCell&>(cell).plain, nullptr)) {
      end_cell(*plain);
    }
  }
  release(&cell);
}

}  // namespace detail

void name_task(std::string_view name) {
  detail::Worker* worker = detail::Worker::current_if_any();
  detail::PromiseBase* task = worker != nullptr ? worker->running() : nullptr;
  if (task == nullptr) return;
  detail::NamedCell& cell = detail::named_cell_of(*task);
  const std::string_view kept = name.substr(0, detail::fitting(name));
  char* end = std::ranges::transform(kept, cell.name, [](char c) {
                return static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
              }).out;
  *end = '\0';
}

}  // namespace eddy
