using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Tuning;

/// <summary>What one fleet wants of a node.</summary>
internal sealed record NodeSettings
{
    public TuningMode Mode { get; set; } = TuningMode.Observe;

    /// <summary>Values by name, each of <see cref="Mooring.Contracts.Tuning.SysctlTable"/>.</summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; set; } = new Dictionary<string, string>();

    /// <summary>Each of <see cref="Mooring.Contracts.Tuning.SysctlTable.Modules"/>.</summary>
    public IReadOnlyList<string> Modules { get; set; } = [];
}
