namespace Mooring.Gateway.Tuning;

/// <summary>What was done to a host: what each fleet claims, and what was there before. Kept on the host itself. Immutable.</summary>
internal sealed record TuningLedger
{
    public static TuningLedger Empty { get; } = new();

    /// <summary>The format of the file.</summary>
    public int Version { get; set; } = 1;

    /// <summary>The boot of the node that <see cref="Written"/> is of; null: written before this was kept.</summary>
    public string? Boot { get; set; }

    /// <summary>Settings as wanted by each fleet, the oldest claim first.</summary>
    public IReadOnlyList<TuningClaim> Claims { get; set; } = [];

    /// <summary>The settings that were written, by name.</summary>
    public IReadOnlyDictionary<string, WrittenSysctl> Written { get; set; } = new Dictionary<string, WrittenSysctl>();
}

/// <summary>What one fleet wants of this host.</summary>
/// <param name="Fleet"><c>namespace/name</c>.</param>
/// <param name="Sysctls">Values by name.</param>
/// <param name="IsOfEarlierBoot">
/// Nobody has renewed it since the node was started: it has its place, and holds nothing. A fleet that went while the node was away would hold it for ever.
/// </param>
internal sealed record TuningClaim(string Fleet, IReadOnlyDictionary<string, string> Sysctls, bool IsOfEarlierBoot = false);

/// <summary>A setting that was written.</summary>
/// <param name="Original">What was there before the first write, to be put back.</param>
/// <param name="Value">What was written last: anything else there now is somebody else's.</param>
internal sealed record WrittenSysctl(string Original, string Value);
