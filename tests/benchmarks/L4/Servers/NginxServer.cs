using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.L4.Servers;

/// <summary>nginx's stream module with one worker and buffers of 64 KiB; it cannot splice.</summary>
internal sealed class NginxServer() : ServerUnderTest("nginx")
{
    // Where Debian's libnginx-mod-stream puts it. A build without it there may have the module compiled in.
    private const string Module = "/usr/lib/nginx/modules/ngx_stream_module.so";

    private static readonly string? Program = Programs.Find("nginx");

    public override string? Version { get; } =
        Programs.Output(Program, "-v")?.Split('/') is [.., var version] && (File.Exists(Module) || BuiltIn()) ? version : null;

    public override string HowToInstall => "apt-get install nginx libnginx-mod-stream";

    protected override (string File, string[] Arguments) Configure(
        string directory,
        IReadOnlyList<ListenerPlan> listeners,
        IReadOnlyDictionary<string, int> ports
    )
    {
        var path = Path.Combine(directory, "nginx.conf");
        using var config = new StreamWriter(path);
        if (File.Exists(Module))
        {
            config.WriteLine($"load_module {Module};");
        }

        config.WriteLine(
            $$"""
            daemon off;
            worker_processes 1;
            worker_rlimit_nofile 20000;
            pid {{directory}}/nginx.pid;
            error_log stderr warn;
            events { worker_connections 19900; }
            stream {
              proxy_buffer_size 64k;
              proxy_connect_timeout 5s;
              proxy_timeout 10m;
            """
        );
        foreach (var listener in listeners)
        {
            var servers = string.Concat(listener.Backends.Select(backend => $"server {backend}; "));
            config.WriteLine($"  upstream {listener.Name} {{ least_conn; {servers}}}");
            var tls = listener.Tls is { } files
                ? $" ssl_certificate {files.Certificate}; ssl_certificate_key {files.Key}; ssl_protocols TLSv1.2 TLSv1.3;"
                : "";
            config.WriteLine(
                $"  server {{ listen 127.0.0.1:{ports[listener.Name]}{(tls.Length > 0 ? " ssl" : "")} backlog=4096;{tls} proxy_pass {listener.Name}; }}"
            );
        }

        config.WriteLine("}");
        return (Program!, ["-p", directory, "-c", path, "-e", "stderr"]);
    }

    private static bool BuiltIn() => Programs.Output(Program, "-V")?.Split(' ').Contains("--with-stream") ?? false;
}
