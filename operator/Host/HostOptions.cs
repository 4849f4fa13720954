using System.Net;

namespace Mooring.Operator.Host;

/// <summary>The options of <c>operator up</c>.</summary>
internal sealed record HostOptions
{
    /// <summary>The manifest: one or more fleets.</summary>
    public required string ManifestPath { get; init; }

    /// <summary>Address that the listeners are bound to. Default 127.0.0.1.</summary>
    public IPAddress Bind { get; init; } = IPAddress.Loopback;

    /// <summary>Where health, metrics and the dashboard are served; null: nowhere.</summary>
    public IPEndPoint? Http { get; init; } = new(IPAddress.Loopback, 8099);

    /// <summary>File with the token of the admin API; made where it is not there. Null: <c>admin-token</c> in the state directory.</summary>
    public string? TokenFile { get; init; }

    /// <summary>Metrics are served without the token, whoever can reach the address.</summary>
    public bool OpenMetrics { get; init; }

    /// <summary>The user's folder of Secrets: a folder for each, with a file for each key, as a Secret is mounted. Default: <c>secrets</c> beside the manifest.</summary>
    public string? SecretsDirectory { get; init; }

    /// <summary>Where Secrets are.</summary>
    public SecretFolders Secrets =>
        new(
            Path.Combine(StateDirectory, "secrets"),
            SecretsDirectory ?? Path.Combine(Path.GetDirectoryName(Path.GetFullPath(ManifestPath))!, "secrets")
        );

    /// <summary>Holds the Unix sockets, and the manifest's Secrets under <c>secrets</c>. Created, for this user only, when it is not there, and then removed at the end.</summary>
    public required string StateDirectory { get; init; }

    /// <summary>The gateway's program.</summary>
    public required string GatewayPath { get; init; }

    /// <summary>How long connections may take to end when the host stops. Default 5 s; never longer than the fleet's own deadline.</summary>
    public TimeSpan StopDrain { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>What the host's own Redis keeps at most, in bytes. Default 256 MiB, as much as one gateway keeps of channels in memory.</summary>
    public long RedisMemory { get; init; } = DefaultRedisMemory;

    /// <summary>Redis itself takes some.</summary>
    public const long LeastRedisMemory = 16L << 20;

    public const long DefaultRedisMemory = 256L << 20;

    /// <summary>A child that was told to end is killed after this. Default 5 s.</summary>
    public TimeSpan KillAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Lines of the children that are no warnings are printed too.</summary>
    public bool Verbose { get; init; }
}
