using System.CommandLine;
using System.Net;
using System.Runtime.InteropServices;
using Mooring.Contracts.Processes;

namespace Mooring.Gateway.Tunnels.Client;

/// <summary><c>gateway tunnel</c>: makes services of this machine public through the fleet's gateways.</summary>
/// <remarks>Exit codes: 0 ended by a signal, 1 the gateways refused or could not be reached (with --once), 2 bad options.</remarks>
internal static class TunnelCommand
{
    private static readonly Option<string> To = new("--to")
    {
        Description = "Gateways to go through: HOST or HOST:PORT; the port is 7835 otherwise",
        Required = true,
    };
    private static readonly Option<string[]> Local = new("--local")
    {
        Description =
            "What to make public, [HOST:]PORT[:udp][@PUBLIC]: PUBLIC is the port wanted, or the name wanted (a sole @: any name). May be given several times",
        Required = true,
        AllowMultipleArgumentsPerToken = true,
    };
    private static readonly Option<int> Port = new("--port") { Description = "Public port wanted for the first of --local; 0: any" };
    private static readonly Option<string?> SecretFile = new("--secret-file")
    {
        Description = "File with the secret, or the tenant's token",
    };
    private static readonly Option<bool> Tls = new("--tls") { Description = "Speak TLS to the gateways, on control and data connections" };
    private static readonly Option<string?> Ca = new("--ca")
    {
        Description = "PEM file with the CA of the gateways' certificate; turns TLS on",
    };
    private static readonly Option<string?> Certificate = new("--cert")
    {
        Description = "PEM file with a certificate of one's own, where the gateways ask for one; turns TLS on",
    };
    private static readonly Option<string?> Key = new("--key") { Description = "PEM file with the key of --cert" };
    private static readonly Option<string?> ServerName = new("--server-name")
    {
        Description = "Name in the gateways' certificate; by default the host",
    };
    private static readonly Option<int> Pool = new("--pool")
    {
        Description = "Data connections kept ready, which spares visitors a round trip: 0 to 64",
        DefaultValueFactory = _ => 2,
    };
    private static readonly Option<bool> Once = new("--once") { Description = "End with the first failure instead of coming again" };
    private static readonly Option<string> Output = new("--output", "-o")
    {
        Description = "text, or json: one object a line",
        DefaultValueFactory = _ => "text",
    };

    public static Command Create()
    {
        var command = new Command(
            "tunnel",
            "Make services of this machine public through the fleet's gateways; the secret may be in MOORING_SECRET"
        )
        {
            To,
            Local,
            Port,
            SecretFile,
            Tls,
            Ca,
            Certificate,
            Key,
            ServerName,
            Pool,
            Once,
            Output,
        };
        Output.AcceptOnlyFromAmong("text", "json");
        Pool.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > Protocol.OpenRequest.MaxPool)
            {
                result.AddError("--pool must be 0 to 64");
            }
        });
        Port.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > IPEndPoint.MaxPort)
            {
                result.AddError("--port must be 0 to 65535");
            }
        });
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, CancellationToken cancellation)
    {
        var error = parse.InvocationConfiguration.Error;
        var output = new TunnelOutput(parse.InvocationConfiguration.Output, parse.GetRequiredValue(Output) == "json", TimeProvider.System);
        if (Read(parse) is not (var options, null))
        {
            await error.WriteLineAsync(Read(parse).Problem);
            return 2;
        }

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        EarlySignals.HandOver();
        var client = new TunnelClient(options!, output, TimeProvider.System);
        var watching = Leftovers.WatchAsync(() => client.VisitorsTotal, Leftovers.Collect, TimeProvider.System, stop.Token);
        var code = await client.RunAsync(stop.Token);
        await stop.CancelAsync();
        await watching;
        return code;

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            stop.Cancel();
        }
    }

    private static (TunnelOptions? Options, string? Problem) Read(ParseResult parse)
    {
        var to = parse.GetRequiredValue(To);
        if (TunnelOptions.ParseTarget(to) is not var (host, port))
        {
            return (null, $"--to: '{to}' is not HOST or HOST:PORT");
        }

        var locals = new List<LocalPort>();
        foreach (var text in parse.GetRequiredValue(Local))
        {
            if (LocalPort.Parse(text) is not { } local)
            {
                return (null, $"--local: '{text}' is not [HOST:]PORT[:udp][@PUBLIC-PORT|@NAME]");
            }

            locals.Add(local);
        }

        if (locals.Count is 0 or > Protocol.OpenRequest.MaxPorts)
        {
            return (null, $"--local must be given 1 to {Protocol.OpenRequest.MaxPorts} times");
        }

        if (parse.GetValue(Port) is > 0 and var wanted)
        {
            locals[0] = locals[0] with { PublicPort = wanted };
        }

        string? secret;
        try
        {
            secret = parse.GetValue(SecretFile) is { } file
                ? File.ReadAllText(file).Trim()
                : Environment.GetEnvironmentVariable("MOORING_SECRET");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            return (null, $"--secret-file: {problem.Message}");
        }

        var ca = parse.GetValue(Ca);
        if (ca is not null && !File.Exists(ca))
        {
            return (null, $"--ca: there is no file '{ca}'");
        }

        var (certificate, key) = (parse.GetValue(Certificate), parse.GetValue(Key));
        if ((certificate is null) != (key is null))
        {
            return (null, "--cert and --key go together");
        }

        foreach (var (option, file) in new[] { ("--cert", certificate), ("--key", key) })
        {
            if (file is not null && !File.Exists(file))
            {
                return (null, $"{option}: there is no file '{file}'");
            }
        }

        return (
            new TunnelOptions
            {
                Host = host,
                Port = port,
                Locals = locals,
                Secret = string.IsNullOrEmpty(secret) ? null : secret,
                Tls = parse.GetValue(Tls) || ca is not null || certificate is not null,
                OwnCertificate = certificate is null ? null : (certificate, key!),
                CaFile = ca,
                ServerName = parse.GetValue(ServerName),
                Pool = parse.GetValue(Pool),
                Once = parse.GetValue(Once),
            },
            null
        );
    }
}
