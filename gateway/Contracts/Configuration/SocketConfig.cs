namespace Mooring.Contracts.Configuration;

/// <summary>Options of the TCP sockets of one side.</summary>
public sealed record SocketConfig
{
    /// <summary>Probes of an idle connection, which find a peer that is gone. Null: none.</summary>
    public KeepAliveConfig? KeepAlive { get; init; }

    /// <summary><c>TCP_USER_TIMEOUT</c>: what was sent and is not acknowledged for this long ends the connection. 0: the kernel's own time. Default 0.</summary>
    public TimeSpan UserTimeout { get; init; }
}

/// <summary>tcp(7): <c>TCP_KEEPIDLE</c>, <c>TCP_KEEPINTVL</c>, <c>TCP_KEEPCNT</c>.</summary>
public sealed record KeepAliveConfig
{
    /// <summary>Silence before the first probe. Whole seconds, 1 s to 9 h; default 2 min, below the 240 s after which Azure's and the 350 s after which AWS's balancers forget a flow.</summary>
    public TimeSpan Idle { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Time between two probes. Whole seconds, 1 s to 9 h; default 30 s.</summary>
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Probes without an answer that end the connection. 1 to 127; default 4.</summary>
    public int Probes { get; set; } = 4;
}
