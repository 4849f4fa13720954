using System.CommandLine;
using System.Runtime.InteropServices;
using System.Text.Json;
using Mooring.Contracts;
using Mooring.Contracts.Processes;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Serving;
using Mooring.Gateway.Streams;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Tuning;

/// <summary><c>gateway tune-node</c>: sets kernel settings of the node that it runs on; in a DaemonSet by the operator's orders, by hand from a file.</summary>
/// <remarks>Exit codes: 0 ended in order (by hand: all as wanted), 1 by hand: something is not as wanted, 2 bad options or settings.</remarks>
internal static class TuneNodeCommand
{
    private const long MaxSettingsBytes = 256 * 1024;

    private static readonly Option<string?> Settings = new("--settings")
    {
        Description = "Settings file (JSON: mode, sysctls, modules): apply once, print the report, end",
    };
    private static readonly Option<string> Fleet = new("--fleet")
    {
        Description = "Fleet as namespace/name, in whose name settings are claimed",
        DefaultValueFactory = _ => "local/hand",
    };
    private static readonly Option<string?> Name = new("--name") { Description = "Name of this tuner: its pod's; by default the host's" };
    private static readonly Option<string?> Node = new("--node")
    {
        Description = "Name of the node; by default NODE_NAME, else the host's",
    };
    private static readonly Option<string?> Stream = new("--stream")
    {
        Description = "Operator to take orders from: wss://HOST:PORT/stream/v1",
    };
    private static readonly Option<string?> StreamCa = new("--stream-ca")
    {
        Description = "PEM file of the CA of the operator's certificate",
    };
    private static readonly Option<string?> TokenFile = new("--token-file") { Description = "File with the token that proves this tuner" };
    private static readonly Option<string> HostRoot = new("--host-root")
    {
        Description = "Root directory of the host; in a pod with hostPID /proc/1/root",
        DefaultValueFactory = _ => "/",
    };
    private static readonly Option<string> State = new("--state")
    {
        Description = "Directory of the host that keeps the original values",
        DefaultValueFactory = _ => "/var/lib/mooring",
    };
    private static readonly Option<string?> NetworkNamespace = new("--netns")
    {
        Description = "Network namespace of the host; in a pod with hostPID /proc/1/ns/net",
    };

    public static Command Create()
    {
        var command = new Command("tune-node", "Set kernel settings of this node, and keep what was there before")
        {
            Settings,
            Fleet,
            Name,
            Node,
            Stream,
            StreamCa,
            TokenFile,
            HostRoot,
            State,
            NetworkNamespace,
        };
        command.Validators.Add(result =>
        {
            if ((result.GetResult(Settings) is null) == (result.GetResult(Stream) is null))
            {
                result.AddError("give either --settings or --stream");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var node = parse.GetValue(Node) ?? Environment.GetEnvironmentVariable("NODE_NAME") ?? Environment.MachineName;
        var host = new HostPaths
        {
            Root = parse.GetRequiredValue(HostRoot),
            State = parse.GetRequiredValue(State),
            NetworkNamespace = parse.GetValue(NetworkNamespace),
        };
        var tuner = new NodeTuner(parse.GetRequiredValue(Fleet), node, host, TimeProvider.System);
        return parse.GetValue(Settings) is { } file
            ? await OnceAsync(tuner, file, parse.InvocationConfiguration, cancellation)
            : await FollowAsync(tuner, node, parse, cancellation);
    }

    private static async Task<int> OnceAsync(NodeTuner tuner, string file, InvocationConfiguration console, CancellationToken cancellation)
    {
        NodeSettings? settings;
        try
        {
            if (new FileInfo(file).Length > MaxSettingsBytes)
            {
                throw new InvalidDataException($"longer than {MaxSettingsBytes} bytes");
            }

            await using var stream = File.OpenRead(file);
            settings = await JsonSerializer.DeserializeAsync(stream, TuningJson.Default.NodeSettings, cancellation);
            if (settings?.Sysctls?.Values.Contains(null) is not false || settings.Modules?.Contains(null!) is not false)
            {
                throw new InvalidDataException("neither it nor sysctls, modules or anything in them may be null");
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException or InvalidDataException)
        {
            await console.Error.WriteLineAsync($"{file}: {error.Message}");
            return 2;
        }

        var report = await tuner.RunAsync("", settings, cancellation);
        await console.Output.WriteLineAsync(JsonSerializer.Serialize<GatewayMessage>(report, ContractsJson.Strict.GatewayMessage));
        return report.Items.All(item => item.State == TuningState.Tuned) ? 0 : 1;
    }

    private static async Task<int> FollowAsync(NodeTuner tuner, string node, ParseResult parse, CancellationToken cancellation)
    {
        var text = parse.GetValue(Stream)!;
        if (!StreamEndpoint.TryParse(text, parse.GetValue(StreamCa), parse.GetValue(TokenFile), out var endpoint, out var problem))
        {
            await parse.InvocationConfiguration.Error.WriteLineAsync(problem);
            return 2;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        EarlySignals.HandOver();
        await using var sink = new LogSink(Console.OpenStandardOutput());
        var log = new GatewayLog(sink, default, TimeProvider.System);
        log.Event("started", ("version", GatewayVersion.Text), ("node", node));
        var hello = new HelloMessage
        {
            Fleet = parse.GetRequiredValue(Fleet),
            Gateway = parse.GetValue(Name) ?? Environment.MachineName,
            Version = GatewayVersion.Text,
            ProcessId = Environment.ProcessId,
            Role = StreamRole.Tuner,
        };
        var dialer = new StreamDialer(endpoint, StreamDialer.DefaultKeepAlive);
        await new TunerStream(dialer, tuner, hello, log, TimeProvider.System).RunAsync(Random.Shared, stop.Token);
        // The settings stay: a pod that is replaced must not lower a limit under running connections. Mode Off takes them back.
        log.Event("stopped");
        return 0;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }
}
