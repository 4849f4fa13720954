using System.CommandLine;
using System.Net;
using Mooring.Contracts.Text;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Host.Output;

namespace Mooring.Operator.Host;

/// <summary><c>operator up -f FILE</c>: runs fleets as processes of this machine.</summary>
public static class UpCommand
{
    public static Command Create()
    {
        var file = new Option<FileInfo>("--file", "-f")
        {
            Description = "The manifest, in YAML or JSON: one or more fleets",
            Required = true,
            HelpName = "FILE",
        };
        var bind = new Option<IPAddress>("--bind")
        {
            Description = "Address that the listeners are bound to",
            DefaultValueFactory = static _ => IPAddress.Loopback,
            CustomParser = static result => ParseAddress(result, result.Tokens[0].Value),
        };
        var http = new Option<string>("--http")
        {
            Description = "Address and port of health, metrics and the dashboard; none: nowhere",
            DefaultValueFactory = static _ => "127.0.0.1:8099",
            HelpName = "ADDRESS:PORT|none",
        };
        http.Validators.Add(result =>
        {
            if (
                result.GetValueOrDefault<string>() is { } text
                && text != "none"
                && !(IPEndPoint.TryParse(text, out var point) && point.Port > 0)
            )
            {
                result.AddError($"--http: '{text}' is not ADDRESS:PORT, such as 127.0.0.1:8099, or none");
            }
        });
        var token = new Option<string>("--token-file")
        {
            Description =
                "File with the token that the admin API asks for; made, for this user only, where it is not there. Default: admin-token in the state directory",
            HelpName = "FILE",
        };
        var openMetrics = new Option<bool>("--open-metrics")
        {
            Description = "Serve /metrics without the token too where --http is an address that others can reach",
        };
        var state = new Option<string>("--state-dir")
        {
            Description =
                "Directory of the Unix sockets; created, and then removed, where it is not there. Default: one of its own in $XDG_RUNTIME_DIR or /tmp",
            HelpName = "DIR",
        };
        var secrets = new Option<string>("--secrets")
        {
            Description =
                "Directory with a directory for each Secret that is not in the manifest (NAME/tls.crt, NAME/tls.key). Default: secrets beside the manifest",
            HelpName = "DIR",
        };
        var output = new Option<string>("--output", "-o")
        {
            Description = "table or json (one object a line and change)",
            DefaultValueFactory = static _ => "table",
        };
        output.AcceptOnlyFromAmong("table", "json");
        var gateway = new Option<string>("--gateway")
        {
            Description = "The gateway's program. Default: beside the operator's, else from the PATH",
            HelpName = "PATH",
        };
        var drain = new Option<string>("--drain")
        {
            Description = "How long connections may take to end when this ends; the fleet's own deadline where that is shorter",
            DefaultValueFactory = static _ => "5s",
            HelpName = "DURATION",
        };
        drain.Validators.Add(result =>
        {
            if (!Duration.TryParse(result.GetValueOrDefault<string>(), out var _))
            {
                result.AddError($"--drain: '{result.GetValueOrDefault<string>()}' is not a duration such as 5s or 1m30s");
            }
        });
        var redisMemory = new Option<string>("--redis-memory")
        {
            Description = "What the Redis that several gateways of this machine share keeps at most, 16Mi or more; full, it takes no more",
            DefaultValueFactory = static _ => "256Mi",
            HelpName = "QUANTITY",
        };
        redisMemory.Validators.Add(result =>
        {
            if (!(Quantity.ToInt64(result.GetValueOrDefault<string>()!) >= HostOptions.LeastRedisMemory))
            {
                result.AddError($"--redis-memory: '{result.GetValueOrDefault<string>()}' is not an amount such as 256Mi, of 16Mi or more");
            }
        });
        var verbose = new Option<bool>("--verbose", "-v") { Description = "Print the children's JSON logs too" };
        var command = new Command(
            "up",
            "Run the fleets of a manifest on this machine, as processes, and follow its edits. Exit code: 0 ended in order, 1 could not start, 2 an option or the manifest is not good"
        )
        {
            file,
            bind,
            http,
            token,
            openMetrics,
            state,
            secrets,
            output,
            gateway,
            drain,
            redisMemory,
            verbose,
        };
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var configuration = parsed.InvocationConfiguration;
                var json = parsed.GetValue(output) == "json";
                var terminal = !json && !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
                await using var standardOutput = new BackgroundWriter(configuration.Output, tellsWhatIsLeftOut: !json);
                await using var standardError = new BackgroundWriter(configuration.Error, tellsWhatIsLeftOut: true);
                var printer = new HostOutput(
                    standardOutput,
                    standardError,
                    json ? OutputFormat.Json : OutputFormat.Table,
                    terminal,
                    TimeProvider.System
                );
                if (GatewayProgram.Find(parsed.GetValue(gateway)) is not { } program)
                {
                    printer.Say(
                        parsed.GetValue(gateway) is { } given
                            ? $"--gateway {given}: no such program"
                            : "no gateway beside the operator or in the PATH: use --gateway"
                    );
                    return 1;
                }

                var web = parsed.GetValue(http)!;
                return await HostRunner.RunAsync(
                    new HostOptions
                    {
                        ManifestPath = parsed.GetValue(file)!.FullName,
                        Bind = parsed.GetValue(bind)!,
                        Http = web == "none" ? null : IPEndPoint.Parse(web),
                        TokenFile = parsed.GetValue(token) is { } tokenFile ? Path.GetFullPath(tokenFile) : null,
                        OpenMetrics = parsed.GetValue(openMetrics),
                        StateDirectory = parsed.GetValue(state) is { } directory ? Path.GetFullPath(directory) : DefaultState(),
                        SecretsDirectory = parsed.GetValue(secrets) is { } folder ? Path.GetFullPath(folder) : null,
                        GatewayPath = program,
                        RedisMemory = Quantity.ToInt64(parsed.GetValue(redisMemory)!)!.Value,
                        StopDrain = Duration.Parse(parsed.GetValue(drain)!),
                        Verbose = parsed.GetValue(verbose),
                    },
                    printer,
                    cancellation
                );
            }
        );
        return command;
    }

    private static IPAddress? ParseAddress(System.CommandLine.Parsing.ArgumentResult result, string text)
    {
        if (IPAddress.TryParse(text, out var address))
        {
            return address;
        }

        result.AddError($"--bind: '{text}' is not an IP address");
        return null;
    }

    private static string DefaultState()
    {
        var runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
        var root = Directory.Exists(runtime) ? runtime : Path.GetTempPath();
        return Path.Combine(root, $"mooring-{Environment.ProcessId}-{Guid.NewGuid():N}"[..24].TrimEnd('-'));
    }
}
