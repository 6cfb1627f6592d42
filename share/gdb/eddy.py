# SPDX-License-Identifier: MIT
"""The command `eddy tasks` of gdb: every task of every thread of a live process, or of a core file.

    (gdb) source eddy.py
    (gdb) eddy tasks        tasks that do the same at the same places are one line
    (gdb) eddy tasks each   a line for each

It reads memory and calls nothing in the process. It needs the symbol table of the program, and no types:
the library keeps the layout of its objects in `eddy_debug_layout`. docs/debugging.md of eddy shows more.
"""

import re
import struct
import time

import gdb

FLOORS = {"platform", "core", "reactor", "worker", "task", "time", "compose", "sync", "net", "signal"}

# What an operation waits for, by the name of its type, in the words of `dump_tasks`. A type that is named like
# `ReadExactOp` is "read_exact".
WORDS = {
    "SleepOp": "a timer",
    "SuspendOp": "a waker",
    "YieldOp": "its turn",
    "Turn": "its turn",
    "JoinOp": "a join",
    "PinnedOp": "a pinned operation",
    "WhenAnyOp": "the first of several",
    "WhenAllOp": "all of several",
    "WhenAllVectorOp": "all of several",
    "WhenAnyVectorOp": "the first of several",
    "TryAllOp": "all of several",
    "TryAllVectorOp": "all of several",
    "FirstOkOp": "the first success",
    "LockOp": "a lock",
    "AcquireOp": "a semaphore",
    "RateOp": "a rate limiter",
    "ArriveOp": "a barrier",
    "SendOp": "room in a channel",
    "SendAllOp": "room in a channel",
    "ReserveOp": "room in a channel",
    "ReceiveOp": "a value of a channel",
    "ReceiveManyOp": "a value of a channel",
    "ChangedOp": "a newer value",
    "ClosedWait": "the end of a receiver",
    "TimedTask": "a task with a time limit",
    "ScopeOp": "the scope of a task-local",
    "FinallyOp": "a task and its clean-up",
    "CleanUpTurnOp": "the clean-ups within",
    "StoppedOp": "a stop request",
    "GroupOp": "a task group",
    "IdleOp": "an idle group",
    "SpawnOp": "room in a group",
    "JoinNextOp": "a task of a join set",
    "TickOp": "a tick",
    "NextOp": "a signal",
    "PooledReadOp": "read",
    "ConnectWithOp": "connect",
    "JoinHandle": "a join",
}

# Operations around another operation, which is the last argument of their template.
WRAPPERS = ("TimedOp", "OkAwaiter", "MayLose")


class Memory:
    """The memory of the process, as the compiler's plain types."""

    def __init__(self):
        self.inferior = gdb.selected_inferior()
        self.pointer_size = 8
        self.strings = {}

    def bytes(self, address, size):
        return bytes(self.inferior.read_memory(address, size))

    def number(self, address, size):
        return int.from_bytes(self.bytes(address, size), "little")

    def pointer(self, address):
        return self.number(address, self.pointer_size)

    def string(self, address):
        if address == 0:
            return ""
        if address not in self.strings:
            text = b""
            while b"\0" not in text:
                # Not beyond the page: there may be no memory after it.
                start = address + len(text)
                text += self.bytes(start, min(256, 4096 - start % 4096))
            self.strings[address] = text.split(b"\0")[0].decode(errors="replace")
        return self.strings[address]


class Layout:
    """Where each member is, as the library says it."""

    VERSION = 1

    def __init__(self, memory):
        try:
            at = int(gdb.parse_and_eval("(char *) &eddy_debug_layout"))
        except gdb.error:
            raise gdb.GdbError("No eddy in this program, or its symbols were stripped: eddy_debug_layout "
                               "is not found.") from None
        magic, version, entry_size, count, memory.pointer_size = struct.unpack(
            "<8s4I", memory.bytes(at, 24))
        if magic != b"eddydbg\0" or version != self.VERSION:
            raise gdb.GdbError("This script is of another version of eddy than the program.")
        self.first = memory.pointer(at + 24)
        self.source = memory.string(memory.pointer(at + 24 + memory.pointer_size))
        table = at + 24 + 3 * memory.pointer_size
        self.values = {}
        for i in range(count):
            name, value = struct.unpack("<24sQ", memory.bytes(table + i * entry_size, 32))
            self.values[name.rstrip(b"\0").decode()] = value

    def __getitem__(self, name):
        return self.values[name]


def without(text, opening, closing, keep):
    """`text` without what is between brackets, but for what `keep` gives for it."""
    out, depth, begin = [], 0, 0
    for i, c in enumerate(text):
        if c == opening:
            if depth == 0:
                begin = i + 1
            depth += 1
        if depth == 0:
            out.append(c)
        elif c == closing:
            depth -= 1
            if depth == 0:
                out.append(keep(text[begin:i]))
    return "".join(out)


def short_name(function):
    """`app::Server::serve` of what g++ or clang call it; as src/worker/task_view.cpp does."""
    name = without(function.split(" [")[0], "(", ")",
                   lambda inner: "<lambda>" if inner.startswith("anonymous class") or inner == "lambda" else "")
    name = without(name, "<", ">", lambda inner: "<lambda>" if inner.startswith("lambda") else "")
    name = name.replace("{anonymous}::", "").split(" requires ")[0]
    for qualifier in (" &", " &&", " noexcept", " const"):
        name = name.removesuffix(qualifier)
    name = name.rpartition(" ")[2].lstrip("*&").replace("<lambda>::operator", "<lambda>")
    return re.sub("(::)+", "::", name).removeprefix("::")


def template_arguments(name):
    """Those of `Name<A, B<C> >`; none if it is no template."""
    opening = name.find("<")
    if opening < 0:
        return []
    arguments, depth, begin = [], 0, opening + 1
    for i in range(opening, len(name)):
        if name[i] in "<({":
            depth += 1
        elif name[i] in ">)}":
            depth -= 1
        if depth == 0 or (depth == 1 and name[i] == ","):
            arguments.append(name[begin:i].strip())
            begin = i + 1
        if depth == 0:
            break
    return arguments


def plain_name(name):
    """The last part of a type's name, without what it was made with: `ReadOp`."""
    return without(name, "<", ">", lambda _: "").rpartition("::")[2].strip(" &*")


class Task:
    """One line of the dump."""

    def __init__(self, address):
        self.address = address
        self.who = ""
        self.branch = False
        self.parent = 0
        self.state = "waits"
        self.awaits = []
        self.what = ""
        self.source = None
        self.waited = 0
        self.count = 1

    def key(self):
        return (self.who, self.branch, self.state, tuple(self.awaits), self.what)

    def since(self):
        return f" since {self.waited / 1e9:.3f} s"

    def at_source(self):
        return "" if self.source is None else f" (source {self.source})"

    def at(self):
        return " at " + " < ".join(self.awaits) if self.awaits else ""

    def line(self):
        name = f"task {self.address:#x}"
        if self.count == 1:
            start = name + self.who + (" branch" if self.branch else "")
            if self.parent != 0:
                start += f" of task {self.parent:#x}"
            if self.state != "waits":
                return f"{start} {self.state}"
            return f"{start} waits{self.at()} for {self.what}{self.at_source()}{self.since()}"
        start = f"{self.count} {'branches' if self.branch else 'tasks'}{self.who}"
        if self.state != "waits":
            return f"{start} {'run' if self.state == 'runs' else 'have not started'}"
        return (f"{start} wait{self.at()} for {self.what}, the oldest, {name}{self.at_source()},"
                f"{self.since()}")


class Process:
    """Walks what include/eddy/worker/worker.hpp and the reactor keep their tasks in."""

    def __init__(self):
        self.memory = Memory()
        self.layout = Layout(self.memory)
        self.words = {}
        self.places = {}
        self.sources = self.layout.source.replace("\\", "/").rsplit("/", 2)[0]

    def member(self, thing, name):
        return self.memory.pointer(thing + self.layout[name])

    def flag(self, task, name):
        bit = self.layout["bit." + name]
        return bool(self.memory.number(task + bit // 8, 1) >> bit % 8 & 1)

    def workers(self):
        listed = self.layout.first
        while listed != 0:
            yield listed - self.layout["worker.listed"], self.member(listed, "listed.thread")
            listed = self.member(listed, "listed.next")

    def in_list(self, head):
        node = self.member(head, "list.next")
        while node != head:
            yield node
            node = self.member(node, "list.next")

    def tasks_of(self, worker):
        """As Worker::for_each_task goes."""
        if running := self.member(worker, "worker.running"):
            yield running
        starter = self.member(worker, "worker.starters")
        while starter != 0:
            yield self.member(starter, "starter.task")
            starter = self.member(starter, "starter.before")
        yield from self.in_list(worker + self.layout["worker.ready"] + self.layout["ready.list"])
        yield from self.in_list(worker + self.layout["worker.waiting"])
        wakers = worker + self.layout["worker.reactor"] + self.layout["reactor.wakers"]
        pages = self.member(wakers, "wakers.pages")
        page_bits = self.layout["wakers.page_bits"]
        for i in range(self.memory.number(wakers + self.layout["wakers.used"], 4)):
            page = self.memory.pointer(pages + (i >> page_bits) * self.memory.pointer_size)
            slot = page + (i & ((1 << page_bits) - 1)) * self.layout["slot.size"]
            if self.source_of(slot) is not None:
                yield from self.in_list(slot + self.layout["slot.waiters"])

    def source_of(self, slot):
        size = self.layout["source.size"]
        source = self.memory.number(slot + self.layout["slot.source"], size)
        return None if source == self.layout["source.none"] & ((1 << 8 * size) - 1) else source

    def is_in_library(self, path, function):
        if not path.endswith(".hpp"):
            return path.startswith(self.sources) and function.startswith("eddy::")
        parts = path.split("/")
        return len(parts) > 2 and parts[-2] in FLOORS and parts[-3] == "eddy"

    def place(self, location):
        """`echo.cpp:31 (main)` of what a std::source_location refers to; None if it is the library's."""
        if location == 0:
            return None
        if location not in self.places:
            size = self.memory.pointer_size
            path = self.memory.string(self.memory.pointer(location)).replace("\\", "/")
            function = short_name(self.memory.string(self.memory.pointer(location + size)))
            line = self.memory.number(location + 2 * size, 4)
            shown = path.rpartition("/")[2] + f":{line}" + (f" ({function})" if function else "")
            own = line == 0 or self.is_in_library(path, function)
            self.places[location] = None if own else shown
        return self.places[location]

    def type_of(self, operation):
        """The name of its class, by the symbol of its table of virtual functions."""
        said = gdb.execute(f"info symbol {self.memory.pointer(operation):#x}", to_string=True)
        found = re.match(r"vtable for (.*?)( \+ \d+)?( in section .*)?$", said.strip())
        return found.group(1) if found else ""

    def parent_of(self, owner):
        """The task of which a branch is, by what owns the branch; 0 if that is not known yet."""
        name = self.type_of(owner)
        if name.startswith("eddy::detail::Branch<"):
            task_set = self.member(owner, "branch.set")
            return self.member(task_set, "set.parent") if task_set != 0 else 0
        if name == "eddy::TaskGroup::Member":
            return self.member(self.member(owner, "member.group"), "group.scope")
        return 0

    def what(self, operation):
        table = self.memory.pointer(operation)
        if table not in self.words:
            name = self.type_of(operation)
            while plain_name(name) in WRAPPERS and template_arguments(name):
                name = template_arguments(name)[-1]
            last = plain_name(name)
            own = re.sub("(?<=.)([A-Z])", r"_\1", last.removesuffix("Op")).lower()
            self.words[table] = WORDS.get(last) or own or "something without a symbol"
        return self.words[table]

    def view(self, address, now):
        task = Task(address)
        owner = self.member(address, "task.cell")  # or the task's cell, which holds the owner
        if self.flag(address, "has_cell"):
            cell = owner
            owner = self.member(cell, "cell.owner")
            if self.memory.number(cell + self.layout["cell.named"], 1):
                task.who = f' "{self.memory.string(cell + self.layout["cell.name"])}"'
        if place := self.place(self.member(address, "task.spawned_at")):
            task.who += f" spawned at {place}"
        task.branch = self.flag(address, "branch")
        if task.branch and owner != 0:
            task.parent = self.parent_of(owner)
        operation = self.member(address, "task.operation")
        if operation == 0:
            state = self.memory.number(address + self.layout["task.state"], 1)
            task.state = "has not started" if state == self.layout["state.scheduled"] else "runs"
            return task
        frame = self.member(address, "task.resume_point")
        while frame != 0:
            promise = frame + self.layout["frame.promise"]
            if place := self.place(self.member(promise, "promise.awaiting")):
                task.awaits.append(place)
            frame = 0 if self.flag(promise, "outermost") else self.member(promise, "task.resume_point")
        task.what = self.what(operation)
        if watched := self.member(address, "task.watched"):
            task.source = self.source_of(watched)
            if task.source is None:
                task.what = "what is gone"
        task.waited = max(now - self.memory.number(address + self.layout["task.since"], 8), 0)
        return task


def grouped(tasks):
    groups = {}
    for task in tasks:
        same = groups.setdefault(task.key(), task)
        if same is task:
            continue
        same.count += 1
        if task.waited > same.waited:
            same.waited, same.address, same.source = task.waited, task.address, task.source
    return list(groups.values())


def is_live():
    """True of a process on this machine, whose clock is ours."""
    try:
        return gdb.selected_inferior().connection.type == "native"
    except AttributeError:  # gdb 11 or older, or no process
        return False


def thread_names():
    """The words for a thread by what std::thread::id is made of."""
    names = {}
    for thread in gdb.selected_inferior().threads():
        try:
            handle = int.from_bytes(thread.handle(), "little")
        except (AttributeError, gdb.error):
            continue
        name = f', "{thread.name}"' if thread.name else ""
        names[handle] = f"thread {thread.num} (LWP {thread.ptid[1]}{name})"
    return names


class EddyCommand(gdb.Command):
    """What eddy knows of the process: eddy tasks."""

    def __init__(self):
        super().__init__("eddy", gdb.COMMAND_STATUS, prefix=True)


class TasksCommand(gdb.Command):
    """Shows the tasks of every thread: where they were spawned, where they wait, for what, how long.

Tasks that do the same at the same places are one line; "eddy tasks each" has a line for each. Works in a
live process and in a core file, and calls nothing in it. Of a core file, "since" counts to when a loop of
the process last read the clock."""

    def __init__(self):
        super().__init__("eddy tasks", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        if argument not in ("", "each"):
            raise gdb.GdbError("eddy tasks takes nothing, or: each")
        process = Process()
        threads = thread_names()
        workers = list(process.workers())
        if not workers:
            print("No thread of this process has run tasks of eddy.")
            return
        # A core file does not contain the time at which it was made.
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) if is_live() else max(
            process.memory.number(worker + process.layout["worker.now"], 8) for worker, _ in workers)
        for worker, thread in reversed(workers):
            tasks = [process.view(task, now) for task in process.tasks_of(worker)]
            where = threads.get(thread, f"a thread that is not here ({thread:#x})")
            print(f"{len(tasks)} task{'' if len(tasks) == 1 else 's'} of {where}")
            for task in tasks if argument == "each" else grouped(tasks):
                print("  " + task.line())


EddyCommand()
TasksCommand()
