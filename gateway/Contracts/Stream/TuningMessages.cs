using System.Text.Json.Serialization;

namespace Mooring.Contracts.Stream;

[JsonConverter(typeof(JsonStringEnumConverter<TuningMode>))]
public enum TuningMode
{
    /// <summary>Put back what was found, and forget the fleet.</summary>
    Off,

    /// <summary>Compare and report; write nothing.</summary>
    Observe,

    /// <summary>Write what differs.</summary>
    Apply,
}

/// <summary>What one fleet wants of every node that its tuner runs on. Replaces what was known.</summary>
public sealed record TuningMessage : OperatorMessage
{
    /// <summary>Names this message in the <see cref="TuningReport"/> that answers it.</summary>
    public required string Hash { get; init; }

    public required TuningMode Mode { get; init; }

    /// <summary>Settings of the node, by name. At most 64.</summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; set; } = new Dictionary<string, string>();

    /// <summary>Kernel modules to load first. At most 16.</summary>
    public IReadOnlyList<string> Modules { get; set; } = [];
}

[JsonConverter(typeof(JsonStringEnumConverter<TuningState>))]
public enum TuningState
{
    /// <summary>As wanted.</summary>
    Tuned,

    /// <summary>Not as wanted, and only watched.</summary>
    Differs,

    /// <summary>The node's own sysctl.d, or another fleet, wants something else; nothing was written.</summary>
    Conflict,

    /// <summary>The kernel does not have it.</summary>
    Missing,

    /// <summary>The kernel, or a read-only file system, refused the write.</summary>
    Refused,
}

/// <summary>How a node is, against what its fleet wants. Sent after each <see cref="TuningMessage"/> and whenever something has changed since.</summary>
public sealed record TuningReport : GatewayMessage
{
    /// <summary>Of the message that this answers.</summary>
    public required string Hash { get; init; }

    /// <summary>Name of the node.</summary>
    public required string Node { get; init; }

    /// <summary>Its kernel, as <c>uname -r</c> prints it.</summary>
    public required string Kernel { get; init; }

    /// <summary>One for each wanted setting and module. At most 80.</summary>
    public IReadOnlyList<TuningItem> Items { get; set; } = [];
}

/// <summary>One setting, or a module as <c>module:NAME</c>, of a node.</summary>
public sealed record TuningItem
{
    public required string Name { get; init; }

    public required TuningState State { get; init; }

    public string Wanted { get; set; } = "";

    /// <summary>What is there now; empty where it cannot be read.</summary>
    public string Actual { get; set; } = "";

    /// <summary>Why it is not tuned, for people.</summary>
    public string Reason { get; set; } = "";
}
