using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Serving;

/// <summary>The options of <c>gateway serve</c>, as given.</summary>
internal sealed record ServeOptions
{
    /// <summary>Config file; null: the config comes by the stream.</summary>
    public string? ConfigFile { get; init; }

    /// <summary><c>namespace/name</c> of the fleet, for the stream; null: the config's.</summary>
    public string? Fleet { get; init; }

    /// <summary>This gateway's name in the fleet. Default: the host's name, which is the pod's.</summary>
    public string Name { get; init; } = Environment.MachineName;

    /// <summary><c>wss://HOST:PORT/stream/v1</c> or <c>unix:PATH</c>; null: no operator.</summary>
    public string? Stream { get; init; }

    /// <summary>PEM file of the CA that the operator's certificate is checked against.</summary>
    public string? StreamCaFile { get; init; }

    /// <summary>File with the token that proves this gateway; read anew for each dial.</summary>
    public string? TokenFile { get; init; }

    /// <summary>Unix socket of the supervisor that hands over the listening sockets; null: this process binds them.</summary>
    public string? Handover { get; init; }

    /// <summary>
    /// Unix socket at which gateways of the same user take over from one another; null: nobody can. A gateway that serves there already is
    /// succeeded.
    /// </summary>
    public string? Takeover { get; init; }

    /// <summary>
    /// Takeover sockets of the fleet's gateways on this host, as a path whose last part may have a *: a drain hands connections over to those that
    /// serve. Null: there are no others.
    /// </summary>
    public string? Siblings { get; init; }

    /// <summary>Where health and metrics are served, as <c>address:port</c>; null: nowhere, and no web server is loaded.</summary>
    public string? Admin { get; init; }

    /// <summary>Which connections the access log shows. Default: all.</summary>
    public AccessLogMode AccessLog { get; init; } = new(1);

    /// <summary>Loops; 0: one per processor.</summary>
    public int Loops { get; init; }

    /// <summary>Address that listeners bind; null: all.</summary>
    public string? Bind { get; init; }

    /// <summary>Address that tunnels' public ports bind; null: as the listeners.</summary>
    public string? TunnelBind { get; init; }
}
