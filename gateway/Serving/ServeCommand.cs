using System.CommandLine;
using System.Net;
using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Serving;

/// <summary><c>gateway serve</c>: carries connections until it is told to stop.</summary>
internal static class ServeCommand
{
    // sockaddr_un has room for 107 bytes, of which a process id and a dot go off while the socket is made.
    private const int MaxSocketPath = 96;

    private static readonly Option<string?> Config = new("--config")
    {
        Description = "Config file (JSON); read again on SIGHUP and when it changes",
    };
    private static readonly Option<string?> Fleet = new("--fleet") { Description = "Fleet as namespace/name; by default the config's" };
    private static readonly Option<string?> Name = new("--name")
    {
        Description = "Name of this gateway in the fleet; by default the host's name",
    };
    private static readonly Option<string?> Stream = new("--stream")
    {
        Description = "Operator to take orders from: wss://HOST:PORT/stream/v1 or unix:PATH",
    };
    private static readonly Option<string?> StreamCa = new("--stream-ca")
    {
        Description = "PEM file of the CA of the operator's certificate",
    };
    private static readonly Option<string?> TokenFile = new("--token-file")
    {
        Description = "File with the token that proves this gateway to the operator",
    };
    private static readonly Option<string?> Handover = new("--handover")
    {
        Description = "Unix socket that hands over the listening sockets",
    };
    private static readonly Option<string?> Takeover = new("--takeover")
    {
        Description =
            "Unix socket by which gateways take over from one another: with one that serves there, this one takes its sockets and open connections, and it ends",
    };
    private static readonly Option<string?> Siblings = new("--siblings")
    {
        Description =
            "Takeover sockets of the other gateways of the fleet, such as /run/x/take-*.sock: a drain hands connections over to them",
    };
    private static readonly Option<string?> Admin = new("--admin") { Description = "address:port of health and metrics; by default none" };
    private static readonly Option<string> Access = new("--access-log")
    {
        Description = "Which ended connections are logged: on, off, or sample:N for one of N",
        DefaultValueFactory = _ => "on",
    };

    private static readonly Option<int> Loops = new("--loops") { Description = "Event loops; 0: one per processor" };
    private static readonly Option<string?> Bind = new("--bind") { Description = "IP address that listeners bind; by default all" };

    private static readonly Option<string?> TunnelBind = new("--tunnel-bind")
    {
        Description = "IP address that tunnels' public ports bind; by default as the listeners",
    };

    public static Command Create()
    {
        var command = new Command("serve", "Carry connections until told to stop")
        {
            Config,
            Fleet,
            Name,
            Stream,
            StreamCa,
            TokenFile,
            Handover,
            Takeover,
            Siblings,
            Admin,
            Access,
            Loops,
            Bind,
            TunnelBind,
        };
        Access.Validators.Add(result =>
        {
            if (!AccessLogMode.TryParse(result.GetValueOrDefault<string>() ?? "", out _))
            {
                result.AddError("--access-log must be on, off or sample:N with N from 1 to 1000000");
            }
        });
        Loops.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 0 or > 128)
            {
                result.AddError("--loops must be 0 to 128");
            }
        });
        Bind.Validators.Add(result =>
        {
            if (!IPAddress.TryParse(result.GetValueOrDefault<string>(), out _))
            {
                result.AddError("--bind must be an IP address");
            }
        });
        TunnelBind.Validators.Add(result =>
        {
            if (!IPAddress.TryParse(result.GetValueOrDefault<string>(), out _))
            {
                result.AddError("--tunnel-bind must be an IP address");
            }
        });
        Admin.Validators.Add(result =>
        {
            if (!IPEndPoint.TryParse(result.GetValueOrDefault<string>() ?? "", out _))
            {
                result.AddError("--admin must be address:port, such as 127.0.0.1:9090");
            }
        });
        Takeover.Validators.Add(result =>
        {
            if (System.Text.Encoding.UTF8.GetByteCount(result.GetValueOrDefault<string>() ?? "") > MaxSocketPath)
            {
                result.AddError($"--takeover must be a path of at most {MaxSocketPath} bytes");
            }
        });
        command.Validators.Add(result =>
        {
            if (result.GetResult(Config) is null && result.GetResult(Stream) is null)
            {
                result.AddError("give --config, --stream, or both: there is nothing to serve otherwise");
            }
        });
        command.SetAction(
            (parse, cancellation) =>
                GatewayProcess.RunAsync(
                    new ServeOptions
                    {
                        ConfigFile = parse.GetValue(Config),
                        Fleet = parse.GetValue(Fleet),
                        Name = parse.GetValue(Name) ?? Environment.MachineName,
                        Stream = parse.GetValue(Stream),
                        StreamCaFile = parse.GetValue(StreamCa),
                        TokenFile = parse.GetValue(TokenFile),
                        Handover = parse.GetValue(Handover),
                        Takeover = parse.GetValue(Takeover),
                        Siblings = parse.GetValue(Siblings),
                        Admin = parse.GetValue(Admin),
                        AccessLog = AccessLogMode.TryParse(parse.GetRequiredValue(Access), out var access) ? access : default,
                        Loops = parse.GetValue(Loops),
                        Bind = parse.GetValue(Bind),
                        TunnelBind = parse.GetValue(TunnelBind),
                    },
                    Console.OpenStandardOutput(),
                    parse.InvocationConfiguration.Error,
                    cancellation
                )
        );
        return command;
    }
}
