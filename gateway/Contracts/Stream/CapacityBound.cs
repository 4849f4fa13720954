using System.Text.Json.Serialization;

namespace Mooring.Contracts.Stream;

/// <summary>What a gateway's capacity follows from.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<CapacityBound>))]
public enum CapacityBound
{
    /// <summary>The number in the config.</summary>
    Configured,

    /// <summary>RLIMIT_NOFILE: a proxied connection has two descriptors.</summary>
    OpenFiles,

    /// <summary>The memory of the cgroup, of the config, or what was available on the node when the gateway started.</summary>
    Memory,

    /// <summary>Local ports: one for each connection to one destination.</summary>
    Ports,

    /// <summary>The config's shares for each processor.</summary>
    Workers,

    /// <summary>Connections that the node tracks at most. No capacity follows from it: whether they are tracked a gateway cannot see.</summary>
    Tracking,
}
