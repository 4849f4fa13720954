using System.Text.Json.Serialization;
using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Tuning;

/// <summary>What one fleet wants of a node. A file with a member that is not known is refused: what is misspelt would not be done.</summary>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record NodeSettings
{
    public TuningMode Mode { get; set; } = TuningMode.Observe;

    /// <summary>Values by name, each of <see cref="Mooring.Contracts.Tuning.SysctlTable"/>.</summary>
    public IReadOnlyDictionary<string, string> Sysctls { get; set; } = new Dictionary<string, string>();

    /// <summary>Each of <see cref="Mooring.Contracts.Tuning.SysctlTable.Modules"/>.</summary>
    public IReadOnlyList<string> Modules { get; set; } = [];
}
