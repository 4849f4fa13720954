using Mooring.Benchmarks.Harness;

namespace Mooring.Benchmarks.Udp.Servers;

/// <summary>nginx's stream module with one worker: consistent hash of the client's address, and socket buffers as large as ours.</summary>
internal sealed class UdpNginxServer() : ServerUnderTest("nginx")
{
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
              proxy_timeout 10s;
            """
        );
        foreach (var listener in listeners)
        {
            var servers = string.Concat(listener.Backends.Select(backend => $"server {backend} max_fails=0; "));
            config.WriteLine($"  upstream {listener.Name} {{ hash $remote_addr consistent; {servers}}}");
            config.WriteLine(
                $"  server {{ listen 127.0.0.1:{ports[listener.Name]} udp rcvbuf=4m sndbuf=4m; proxy_pass {listener.Name}; }}"
            );
            config.WriteLine($"  server {{ listen 127.0.0.1:{ports[listener.Name]}; proxy_pass {listener.Name}; }}");
        }

        config.WriteLine("}");
        return (Program!, ["-p", directory, "-c", path, "-e", "stderr"]);
    }

    private static bool BuiltIn() => Programs.Output(Program, "-V")?.Split(' ').Contains("--with-stream") ?? false;
}
