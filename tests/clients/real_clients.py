# SPDX-License-Identifier: MIT
"""Real clients and real servers, with and without the proxy between them."""

import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

from support import MB, listens, proxy_to, require, require_same, run, test, wait_until

from processes import free_port


class FileHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and answers an upload with its hash."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        digest = hashlib.sha256()
        left = int(self.headers["Content-Length"])
        while left:
            part = self.rfile.read(min(left, MB))
            require(part, "the upload ended early")
            digest.update(part)
            left -= len(part)
        answer = digest.hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@test
def curl(programs):
    """curl: a file of 256 MB down and up"""
    source = programs.folder / "file"
    digest = hashlib.sha256()
    with source.open("wb") as file:
        for _ in range(64):
            block = os.urandom(4 * MB)
            digest.update(block)
            file.write(block)
    expected = digest.hexdigest().encode()

    def download(port):
        command = ["curl", "-sS", "--fail", "--noproxy", "*", f"http://127.0.0.1:{port}/file"]
        digest = hashlib.sha256()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as client:
            while part := client.stdout.read(MB):
                digest.update(part)
        require(client.returncode == 0, f"curl failed with {client.returncode}")
        return digest.hexdigest().encode()

    def upload(port):
        return run("curl", "-sS", "--fail", "--noproxy", "*", "-H", "Expect:", "-T", source,
                   f"http://127.0.0.1:{port}/upload")

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *a: FileHandler(*a, directory=str(programs.folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with proxy_to(programs, server.server_port) as proxy:
            for name, transfer in (("download", download), ("upload", upload)):
                require(transfer(server.server_port) == expected, f"{name}: wrong directly")
                require(transfer(proxy.port) == expected, f"{name}: wrong through the proxy")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        source.unlink()


@test
def redis(programs):
    """redis: redis-cli, and redis-benchmark with 16 requests in flight"""
    port = free_port()
    server = programs.start("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                            "--appendonly", "no", "--dir", programs.folder, stdout=subprocess.DEVNULL)
    wait_until(lambda: listens(port), 10, "redis-server listens")
    value = hashlib.sha256(b"eddy").hexdigest() * 8192  # 512 KiB
    script = "\n".join(["FLUSHALL", f"SET big {value}", "GET big", "STRLEN big"]
                       + [f"RPUSH list item-{i}" for i in range(500)]
                       + ["LRANGE list 0 -1", "INCR count", "INCRBY count 41", "GET missing", "BOGUS", ""])

    def answers(at):
        return run("redis-cli", "-p", at, feed=script.encode())

    with proxy_to(programs, port) as proxy:
        require_same("redis-cli", answers(port), answers(proxy.port))
        text = run("redis-benchmark", "-p", proxy.port, "-P", "16", "-c", "50", "-n", "200000", "-q", "-t",
                   "set,get,lpush,lrange_100").decode().replace("\r", "\n")
        done = re.findall(r"^(\S+).*: [\d.]+ requests per second", text, re.M)
        require({"SET", "GET"} <= set(done), f"redis-benchmark: {text[-300:]}")
        require("rror" not in text, f"redis-benchmark: {text[-300:]}")
    require(server.end() == 0, "redis-server ended with an error")


def postgres_folder():
    versions = pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")
    found = sorted(versions, key=lambda path: float(path.parts[4]))
    if found:
        return found[-1].parent
    return pathlib.Path(shutil.which("postgres")).resolve().parent


@test
def postgres(programs):
    """postgres: psql and pgbench"""
    tools, port = postgres_folder(), free_port()
    data = programs.folder / "postgres"
    data.mkdir()
    programs.folder.chmod(0o711)
    who = {"cwd": data}
    if os.geteuid() == 0:  # as root it refuses to run
        shutil.chown(data, "postgres", "postgres")
        who |= {"user": "postgres", "group": "postgres", "extra_groups": []}
    run(tools / "initdb", "-D", data, "-U", "eddy", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
        **who)
    server = programs.start(tools / "postgres", "-D", data, "-p", port, "-c", "listen_addresses=127.0.0.1",
                            "-c", "unix_socket_directories=", "-c", "fsync=off", stdout=subprocess.DEVNULL,
                            **who)

    def to(at):
        return ["-h", "127.0.0.1", "-p", at, "-U", "eddy"]

    def psql(at, feed):
        return run("psql", "-X", "-q", "-A", "-t", *to(at), "-v", "ON_ERROR_STOP=1", "postgres",
                   feed=feed.encode())

    wait_until(lambda: subprocess.run([tools / "pg_isready", *map(str, to(port))], check=False,
                                      stdout=subprocess.DEVNULL).returncode == 0, 30, "postgres is ready")
    rows = "".join(f"{i}\t{hashlib.md5(str(i).encode()).hexdigest()}\n" for i in range(50_000))
    script = ("drop table if exists t; set client_min_messages = error;\n"
              "create table t(i int, h text);\n\\copy t from stdin\n" + rows + "\\.\n"
              "select * from t order by h;\nselect count(*), sum(i) from t where md5(i::text) = h;\n"
              "select i, repeat(md5(i::text), 50) from generate_series(1, 2000) i;\n")
    with proxy_to(programs, port) as proxy:
        psql(port, "create table t(i int);")
        require_same("psql", psql(port, script), psql(proxy.port, script))
        run(tools / "pgbench", "-i", "-q", *to(proxy.port), "postgres")
        text = run(tools / "pgbench", "-c", "8", "-j", "2", "-T", "3", *to(proxy.port), "postgres").decode()
        require("number of failed transactions: 0 " in text or "failed" not in text, text[-400:])
        require(int(re.search(r"actually processed: (\d+)", text)[1]) > 0, text[-400:])
    server.end(signal.SIGINT)


@test
def iperf3(programs):
    """iperf3: both ways, and four streams at once"""
    port = free_port()
    server = programs.start("iperf3", "-s", "-p", port, "-B", "127.0.0.1", stdout=subprocess.DEVNULL)

    def measure(at, way):
        # The server refuses the next client until it has seen the end of the last.
        for _ in range(100):
            command = ["iperf3", "-c", "127.0.0.1", "-p", str(at), "-t", "1", "-J", *way]
            done = subprocess.run(command, capture_output=True, timeout=60, check=False)
            figures = json.loads(done.stdout)
            if "busy" not in figures.get("error", ""):
                break
            time.sleep(0.1)
        return figures

    wait_until(lambda: listens(port), 10, "iperf3 listens")
    with proxy_to(programs, port) as proxy:
        for way in ([], ["-R"], ["-P", "4"], ["-P", "4", "-R"]):
            figures = measure(proxy.port, way)
            require("error" not in figures, f"iperf3 {way}: {figures.get('error')}")
            require(figures["end"]["sum_received"]["bytes"] > MB, f"iperf3 {way}: hardly a byte came")
    server.kill()


@test
def openssl(programs):
    """openssl: s_client to s_server"""
    folder = programs.folder / "tls"
    folder.mkdir()
    (folder / "page").write_bytes(os.urandom(16 * MB))
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2",
        "-keyout", folder / "key", "-out", folder / "certificate")
    port = free_port()
    server = programs.start("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", folder / "key",
                            "-cert", folder / "certificate", "-WWW", cwd=folder, stdout=subprocess.DEVNULL)
    wait_until(lambda: listens(port), 10, "s_server listens")

    def page(at):
        return run("openssl", "s_client", "-quiet", "-verify_quiet", "-verify_return_error", "-CAfile",
                   folder / "certificate", "-connect", f"127.0.0.1:{at}", feed=b"GET /page HTTP/1.0\r\n\r\n")

    with proxy_to(programs, port) as proxy:
        direct = page(port)
        require(direct.endswith((folder / "page").read_bytes()), "s_client: wrong directly")
        require_same("s_client", direct, page(proxy.port))
    server.kill()
