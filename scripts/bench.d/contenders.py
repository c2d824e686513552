"""The gateways that are compared: how each is configured, started and asked for its version."""

import dataclasses
import grp
import os
import pwd
import shutil
import socket
import subprocess
import time

import procs

MODULES = "/usr/lib/apache2/modules"
SCGI_PARAMS = ("CONTENT_LENGTH $content_length", "SCGI 1", "REQUEST_METHOD $request_method", "REQUEST_URI $request_uri",
               "QUERY_STRING $query_string", "CONTENT_TYPE $content_type", "DOCUMENT_URI $document_uri",
               "DOCUMENT_ROOT $document_root", "SERVER_PROTOCOL $server_protocol", "REQUEST_SCHEME $scheme",
               "REMOTE_ADDR $remote_addr", "REMOTE_PORT $remote_port", "SERVER_PORT $server_port",
               "SERVER_NAME $server_name")
NGINX = """{user}
daemon off; worker_processes {workers}; pid {dir}/nginx.pid; error_log {dir}/error.log error;
events {{ worker_connections {connections}; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 300; client_max_body_size 0;
    client_body_temp_path {dir}/body; scgi_temp_path {dir}/scgi; proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi; uwsgi_temp_path {dir}/uwsgi;
{upstream}    server {{ listen 127.0.0.1:{port}; root {root};
        location / {{ {content} }} }}
}}
"""
NGINX_CACHE = """    scgi_cache_path {cache} levels=1:2 keys_zone=z:100m inactive=10m;
    scgi_cache_key $scheme://$host$request_uri; scgi_cache z; scgi_cache_valid 200 10m;
"""
LIGHTTPD = """server.modules = ( {module} )
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{root}"
server.upload-dirs = ( "{dir}" )
server.errorlog = "{dir}/error.log"
server.max-fds = {descriptors}
server.max-connections = {connections}
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 300
server.max-request-size = 0
{tuning}
{content}
"""
APACHE = """ServerRoot {dir}
PidFile {dir}/apache.pid
DefaultRuntimeDir {dir}
ErrorLog {dir}/error.log
LogLevel error
{modules}
{user}
Listen 127.0.0.1:{port}
ServerName localhost
ServerLimit {processes}
StartServers {processes}
ThreadLimit 128
ThreadsPerChild {each}
MaxRequestWorkers {threads}
MinSpareThreads 1
MaxSpareThreads {threads}
MaxConnectionsPerChild 0
AsyncRequestWorkerFactor 32
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 300
{content}
"""


def account():
    """The account for Apache, which does not serve as root. The others stay what they were started as, like scgate."""
    for name in ("www-data", "http", "nobody"):
        try:
            user = pwd.getpwnam(name)
            return name, grp.getgrgid(user.pw_gid).gr_name
        except KeyError:
            continue
    raise SystemExit("bench: no account www-data or nobody to run Apache as")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def first_line(argv):
    out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout.strip()
    return out.splitlines()[0] if out else "unknown version"


@dataclasses.dataclass(frozen=True)
class Form:
    """How large a contender is started."""
    name: str
    connections: int    # client connections it must be able to hold; some reserve memory for each
    wide: bool = False  # must have 500 requests in work at once; otherwise 64
    serves: str = "app"     # or "group", the application as a group of two servers, "file", the document root, or "cache",
                            # the application behind a cache on the disk
    workers: int = 0        # as many worker processes (threads of scgate) as a larger machine is given; 0: the usual

    @property
    def tunable(self):
        """Whether the buffers of the tuned contenders have a part in it."""
        return self.serves != "file"

    def small(self):
        """For memory: 1000 connections, each with one to the application."""
        return dataclasses.replace(self, name=f"{self.name}-small", connections=2048)


    def spread(self):
        """For memory: with four workers."""
        return dataclasses.replace(self.small(), name=f"{self.name}-spread", workers=4)

    def held(self):
        """For memory: with room for many requests in work at once."""
        return dataclasses.replace(self.small(), name=f"{self.name}-held", wide=True)


NORMAL = Form("normal", 8192)
WIDE = Form("wide", 8192, wide=True)
FILE = Form("file", 8192, serves="file")
GROUP = Form("group", 8192, serves="group")
CACHE = Form("cache", 8192, serves="cache")


@dataclasses.dataclass(frozen=True)
class Content:
    """What the contenders have to serve."""
    sockets: list       # of the application: that of its first server is used outside a group
    root: str           # the directory of the files


class Contender:
    """One gateway. `note` says what it was told that matters."""

    program = None      # the executable's name
    package = None      # the Debian package that brings it
    note = ""
    tuned = False       # has other buffers than the distributed ones
    caches = True       # can keep responses of an SCGI application

    def __init__(self, name):
        self.name = name
        self.child = None
        self.port = None
        self.cache = None       # the directory of its cache

    def takes(self, form):
        """Whether it can do what the form asks, and does it otherwise than its untuned self."""
        return (form.tunable or not self.tuned) and (self.caches or form.serves != "cache")

    def path(self):
        return shutil.which(self.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")

    def start(self, base, content, form):
        home = os.path.join(base, f"{self.name}-{form.name}")
        shutil.rmtree(home, ignore_errors=True)     # left by an earlier start
        os.mkdir(home)
        os.chmod(home, 0o1777)      # Apache writes with its own account
        self.cache = os.path.join(home, "cache")
        if form.serves == "cache":
            os.mkdir(self.cache)
            os.chmod(self.cache, 0o1777)
        self.port = free_port()
        self.log = os.path.join(home, "output")
        self.child = procs.spawn(self.command(home, content, form), self.log)
        self.await_port(home)

    def await_port(self, home):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                time.sleep(0.2)     # let it finish starting its processes and threads
                return
            except OSError:
                time.sleep(0.02)
        words = ""
        for name in ("output", "error.log"):
            if os.path.exists(os.path.join(home, name)):
                with open(os.path.join(home, name), errors="replace") as f:
                    words += f.read()[-1500:]
        self.stop()
        raise RuntimeError(f"{self.name} did not start: {words.strip() or 'it said nothing'}")

    def stop(self):
        if self.child:
            procs.stop(self.child)
        self.child = None
        if self.cache:
            shutil.rmtree(self.cache, ignore_errors=True)
        self.cache = None

    def pids(self):
        return procs.tree(self.child.pid)

    def write(self, home, name, text):
        path = os.path.join(home, name)
        with open(path, "w") as f:
            f.write(text)
        return path


class Scgate(Contender):
    program = "scgate"

    def __init__(self, name, binary, workers, wide_workers, extra):
        super().__init__(name)
        self.binary, self.workers, self.wide_workers, self.extra = binary, workers, wide_workers, extra
        self.note = f"--workers {workers}"

    def path(self):
        return self.binary if os.access(self.binary, os.X_OK) else None

    def version(self):
        return first_line([self.binary, "-V"])

    def command(self, home, content, form):
        serve = ["--pass", f"unix:{content.sockets[0]}"]
        if form.serves == "group":
            serve = ["--pass", "app", *(f"--upstream=app unix:{path}" for path in content.sockets)]
        elif form.serves == "file":
            serve = ["--root", content.root]
        elif form.serves == "cache":
            serve += ["--cache-path", f"{self.cache} levels=1:2 keys_zone=z:100m inactive=10m", "--cache", "z",
                      "--cache-valid", "200 10m"]
        return [self.binary, "--listen", f"127.0.0.1:{self.port}",
                "--workers", str(form.workers or (self.wide_workers if form.wide else self.workers)),
                "--connections", str(form.connections),
                "--client-max-body-size", "0", "--keepalive-requests", "1000000000", "--keepalive-timeout", "300",
                "--temp-path", os.path.join(home, "temp"), *self.extra, *serve]


class Nginx(Contender):
    program, package, tuning, cache_tuning = "nginx", "nginx-light", "", ""
    note = "1 worker process, buffers as distributed"

    def version(self):
        return first_line([self.path(), "-v"])

    def command(self, home, content, form):
        user = "user root;" if os.geteuid() == 0 else ""
        upstream, to = "", f"unix:{content.sockets[0]}"
        if form.serves == "group":
            servers = " ".join(f"server unix:{path};" for path in content.sockets)
            upstream, to = f"    upstream app {{ {servers} }}\n", "app"
        elif form.serves == "cache":
            upstream = NGINX_CACHE.format(cache=self.cache) + self.cache_tuning
        params = " ".join(f"scgi_param {p};" for p in SCGI_PARAMS)
        serve = f"scgi_pass {to}; {params} {self.tuning}"
        if form.serves == "file":
            serve = "tcp_nopush on;"    # as in the distributed configuration, like sendfile
        conf = self.write(home, "nginx.conf", NGINX.format(user=user, dir=home, port=self.port, root=content.root,
                                                           connections=form.connections, upstream=upstream,
                                                           workers=form.workers or 1,
                                                           content=serve))
        return [self.path(), "-p", home, "-c", conf, "-e", os.path.join(home, "error.log")]


class NginxTuned(Nginx):
    tuned = True
    tuning = "scgi_buffer_size 16k; scgi_buffers 16 64k; scgi_busy_buffers_size 512k; scgi_max_temp_file_size 0; " \
             "client_body_buffer_size 1m;"
    cache_tuning = "    open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;\n"
    note = "1 worker process, 16 buffers of 64k, no temp files, uploads up to 1m in memory; files of a cache kept open"


class Lighttpd(Contender):
    program, package, tuning = "lighttpd", "lighttpd", ""
    caches = False
    note = "1 process, as distributed: takes in the whole response before it sends"

    def version(self):
        return first_line([self.path(), "-v"])

    def command(self, home, content, form):
        sockets = content.sockets if form.serves == "group" else content.sockets[:1]
        hosts = ", ".join(f'( "socket" => "{path}", "check-local" => "disable" )' for path in sockets)
        workers = f"server.max-worker = {form.workers}" if form.workers else ""
        module, serve = '"mod_scgi"', f'scgi.server = ( "/" => ( {hosts} ) )'
        if form.serves == "file":
            module, serve = "", ""      # it serves files without being told
        conf = self.write(home, "lighttpd.conf", LIGHTTPD.format(dir=home, port=self.port, root=content.root,
                                                                 module=module, content=serve,
                                                                 tuning=f"{self.tuning}\n{workers}",
                                                                 connections=form.connections,
                                                                 descriptors=2 * form.connections))
        return [self.path(), "-D", "-f", conf]


class LighttpdTuned(Lighttpd):
    tuned = True
    tuning = "server.stream-response-body = 2"
    note = "1 process, server.stream-response-body = 2"


class Apache(Contender):
    program, package = "apache2", "apache2-bin"
    note = "event MPM, 1 process of 128 threads (8 for 500 clients)"

    def version(self):
        return first_line([self.path(), "-v"]).replace("Server version: ", "")

    def command(self, home, content, form):
        names = ["mpm_event", "authz_core", "unixd"]
        if form.serves == "file":
            serve = f'DocumentRoot "{content.root}"'
        else:
            names += ["proxy", "proxy_scgi"]
            serve = f'ProxyPass "/" "unix:{content.sockets[0]}|scgi://localhost/"'
        if form.serves == "group":
            names += ["slotmem_shm", "lbmethod_byrequests", "proxy_balancer"]
            members = "\n".join(f'BalancerMember "unix:{path}|scgi://server{n}/"'
                                for n, path in enumerate(content.sockets))
            serve = f'<Proxy "balancer://app">\n{members}\n</Proxy>\nProxyPass "/" "balancer://app/"'
        elif form.serves == "cache":
            # It keeps no response to a request with a query string unless the response itself says for how long.
            names += ["cache", "cache_disk", "headers"]
            serve += (f'\nCacheRoot {self.cache}\nCacheEnable disk /\nCacheIgnoreNoLastMod On\n'
                      'Header set Cache-Control max-age=600')
        modules = "\n".join(f"LoadModule {n}_module {MODULES}/mod_{n}.so" for n in names
                            if os.path.exists(f"{MODULES}/mod_{n}.so"))
        user = "User {}\nGroup {}".format(*account()) if os.geteuid() == 0 else ""
        processes = form.workers or (8 if form.wide else 1)
        threads = 128 // form.workers if form.workers else 128
        conf = self.write(home, "apache.conf", APACHE.format(dir=home, modules=modules, user=user, port=self.port,
                                                             processes=processes, each=threads, threads=threads * processes,
                                                             content=serve))
        return [self.path(), "-DFOREGROUND", "-d", home, "-f", conf]


PEERS = {"nginx": Nginx, "nginx-tuned": NginxTuned, "lighttpd": Lighttpd, "lighttpd-tuned": LighttpdTuned,
         "apache": Apache}
