"""How Askr and each peer is configured and started. Two PHP workers each, the same php.ini for all, no logs, no timestamps.

Every server gets a folder of its own below the run's temporary folder for its configuration, sockets and pid files. Run as
root, the peers drop to www-data, because Apache refuses to serve as root.
"""

import json
import os
import pathlib
import shutil
import socket
import subprocess

from .cases import ASKR
from .processes import ProcessTree, free_port, wait_until_exists, wait_until_open

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
INI = {
    "opcache.enable": "1",
    "opcache.memory_consumption": "192",
    "opcache.interned_strings_buffer": "16",
    "opcache.max_accelerated_files": "20000",
    "opcache.validate_timestamps": "0",
    "opcache.jit": "disable",
    "opcache.jit_buffer_size": "0",
    "realpath_cache_size": "4M",
    "realpath_cache_ttl": "600",
    "expose_php": "0",
    "display_errors": "0",
    "log_errors": "0",
}
PROGRAMS = {"nginx+fpm": ["nginx", "php-fpm8.2"], "apache": ["apache2"], "caddy": ["caddy", "php-fpm8.2"],
            "nginx-static": ["nginx"], "fastcgi_cache": ["nginx", "php-fpm8.2"], "varnish": ["varnishd", "nginx"],
            "limit": ["c++"]}
MODULES = pathlib.Path("/usr/lib/apache2/modules")


def program(name):
    """Service programs live in sbin, which an ordinary user does not have in the path."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def missing_programs(server):
    return [name for name in PROGRAMS.get(server, []) if program(name) is None]


class Server:
    """A running server: a port to load, and the process trees whose time and memory count as its own."""

    def __init__(self, name, port, trees):
        self.name, self.port, self.trees = name, port, trees

    def pids(self):
        return [pid for tree in self.trees for pid in tree.pids()]

    def check_alive(self):
        return all(tree.alive() for tree in self.trees)

    def status(self):
        """What `askr status --json` prints; of Askr only."""
        return self.ask(b"status\n")

    def reload(self):
        return self.ask(b"reload\n")

    def ask(self, command):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(60)
            control.connect(str(self.trees[-1].log.parent / "control"))
            control.sendall(command)
            return json.loads(b"".join(iter(lambda: control.recv(1 << 16), b"")))

    def pids_of(self, role):
        return [process["pid"] for process in self.status()["processes"] if process["role"] == role]

    def stop(self):
        for tree in self.trees:
            tree.stop()


def start(name, folder, root, worker_script=None, options=None, case=None):
    """Starts one server for the document root. `options`: the run's, for how Askr is started."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    variant = case.variant(name) if case else ASKR
    if variant is not None and name == variant.name:
        return start_askr(folder, root, worker_script, options, variant, case.flags if case else ())
    if name in ("nginx-static", "varnish", "limit"):
        kb = case.path.rpartition("=")[2]
        return {"nginx-static": start_nginx_static, "varnish": start_varnish, "limit": start_limit}[name](folder, root, kb)
    return {"nginx+fpm": start_nginx, "apache": start_apache, "caddy": start_caddy,
            "fastcgi_cache": start_fastcgi_cache}[name](folder, root)


def start_askr(folder, root, worker_script, options, variant, flags):
    port = free_port()
    command = [*options.under, options.askr, "serve", "--listen", f"127.0.0.1:{port}", "--root", root,
               "--workers", variant.workers or str(options.workers), "--gateways", str(options.gateways),
               "--control", folder / "control"]
    if worker_script:
        command += ["--worker-script", worker_script, "--app-base", root.parent]
    for key, value in INI.items():
        command += ["--ini", f"{key}={value}"]
    patience = 180 if options.under else 30
    command += [*variant.flags, *flags, *options.askr_flags]
    return opened(variant.name, port, [ProcessTree(command, folder / "log", cwd=folder)], patience)


def opened(name, port, trees, patience=30):
    try:
        wait_until_open(port, trees[-1], patience)
    except BaseException:
        for tree in trees:
            tree.stop()
        raise
    return Server(name, port, trees)


def php_ini(folder):
    path = folder / "php.ini"
    path.write_text("".join(f"{key}={value}\n" for key, value in INI.items()))
    return path


def start_fpm(folder):
    """A pool of two static children on a Unix socket."""
    pool_user = "user = www-data\ngroup = www-data\nlisten.mode = 0666" if os.geteuid() == 0 else ""
    (folder / "fpm.conf").write_text(f"""[global]
pid = {folder}/fpm.pid
error_log = {folder}/fpm.log
daemonize = no
[www]
{pool_user}
listen = {folder}/fpm.sock
listen.backlog = 511
pm = static
pm.max_children = 2
pm.max_requests = 0
""")
    tree = ProcessTree([program("php-fpm8.2"), "-F", "-y", folder / "fpm.conf", "-c", php_ini(folder)], folder / "fpm.out")
    wait_until_exists(folder / "fpm.sock", tree)
    return tree


def write_nginx_conf(folder, port, root, modules="", settings="", locations=""):
    user = "user www-data;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(f"""{user}
{modules}
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log error;
events {{ worker_connections 16384; }}
worker_rlimit_nofile 20000;
http {{
  include /etc/nginx/mime.types;
  access_log off;
  {settings}
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 300;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=600s;
  open_file_cache_valid 600s;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=511;
    root {root};
    {locations}
  }}
}}
""")


def start_nginx(folder, root, modules="", settings="", locations="", name="nginx+fpm"):
    """`modules`, `settings` and `locations` are more lines of nginx.conf: outside and inside of http, and of .php."""
    port = free_port()
    write_nginx_conf(folder, port, root, modules, settings, f"""
    location / {{ try_files $uri /index.php?$query_string; }}
    location ~ \\.php$ {{
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
      fastcgi_keep_conn off;
      fastcgi_pass unix:{folder}/fpm.sock;
      {locations}
    }}""")
    fpm = start_fpm(folder)
    nginx = ProcessTree([program("nginx"), "-c", folder / "nginx.conf", "-e", folder / "nginx.log"], folder / "nginx.out")
    return opened(name, port, [fpm, nginx])


def start_fastcgi_cache(folder, root):
    """nginx keeps what PHP has made; no lock on a miss, because a hit is measured."""
    return start_nginx(folder, root, name="fastcgi_cache", settings=f"""
  fastcgi_cache_path {folder}/cache levels=1:2 keys_zone=pages:10m inactive=1h;
  fastcgi_cache_key $scheme$host$request_uri;""", locations="""
      fastcgi_cache pages;
      fastcgi_cache_valid 200 1h;""")


def start_nginx_static(folder, root, kb):
    """The same bytes as a file, whatever is asked for."""
    port = free_port()
    write_nginx_conf(folder, port, root, locations=f"location / {{ rewrite ^ /{kb}.txt break; }}")
    command = [program("nginx"), "-c", folder / "nginx.conf", "-e", folder / "nginx.log"]
    return opened("nginx-static", port, [ProcessTree(command, folder / "nginx.out")])


def start_varnish(folder, root, kb):
    """In front of a file server, which it asks once."""
    behind = start_nginx_static(folder, root, kb)
    port = free_port()
    (folder / "bench.vcl").write_text(f"""vcl 4.1;
backend default {{ .host = "127.0.0.1"; .port = "{behind.port}"; }}
sub vcl_backend_response {{ set beresp.ttl = 1h; }}
""")
    (folder / "varnish").mkdir()
    command = [program("varnishd"), "-F", "-a", f"127.0.0.1:{port}", "-f", folder / "bench.vcl", "-n", folder / "varnish",
               "-s", "malloc,64M", "-j", "none"]
    return opened("varnish", port, [*behind.trees, ProcessTree(command, folder / "varnish.out")])


def start_limit(folder, root, kb):
    binary = folder / "limit"
    subprocess.run(["c++", "-std=c++20", "-O2", REPOSITORY / "bench/limit/server.cpp", "-o", binary], check=True)
    port = free_port()
    return opened("limit", port, [ProcessTree([binary, port, root / f"{kb}.txt"], folder / "limit.out")])


def start_apache(folder, root):
    """mod_php in 72 processes: 64 kept-alive connections hold 64 of them."""
    port = free_port()
    php_ini(folder)
    user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
    modules = {"mpm_prefork": "mod_mpm_prefork", "authz_core": "mod_authz_core", "dir": "mod_dir", "mime": "mod_mime",
               "php": "libphp8.2"}
    load = "\n".join(f"LoadModule {name}_module {MODULES}/{file}.so" for name, file in modules.items())
    (folder / "apache.conf").write_text(f"""ServerRoot {folder}
ServerName localhost
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
DefaultRuntimeDir {folder}
{load}
{user}
StartServers 72
MinSpareServers 1
MaxSpareServers 100
ServerLimit 72
MaxRequestWorkers 72
MaxConnectionsPerChild 0
KeepAlive On
KeepAliveTimeout 60
MaxKeepAliveRequests 0
TypesConfig /etc/mime.types
PHPINIDir {folder}
DocumentRoot {root}
DirectoryIndex index.php
<Directory {root}>
  AllowOverride None
  Require all granted
  FallbackResource /index.php
  <FilesMatch "\\.php$">
    SetHandler application/x-httpd-php
  </FilesMatch>
</Directory>
""")
    command = [program("apache2"), "-f", folder / "apache.conf", "-DFOREGROUND"]
    return opened("apache", port, [ProcessTree(command, folder / "apache.out")])


def start_caddy(folder, root):
    port = free_port()
    (folder / "Caddyfile").write_text(f"""{{
  admin off
  auto_https off
}}
http://127.0.0.1:{port} {{
  bind 127.0.0.1
  root * {root}
  php_fastcgi unix/{folder}/fpm.sock
  file_server
}}
""")
    fpm = start_fpm(folder)
    env = {"GOMAXPROCS": "2", "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    command = [program("caddy"), "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]
    return opened("caddy", port, [fpm, ProcessTree(command, folder / "caddy.out", env=env)])
