using Mooring.Contracts.Stream;

namespace Mooring.Gateway.Registry;

/// <summary>The registry's part of a load report. Pure.</summary>
internal static class RegistryLoads
{
    private const int MaxProblem = 512;

    /// <summary>Null where nothing is shared and no limit of the fleet's is in force.</summary>
    public static RegistryLoad? Of(RegistryView? view) =>
        view is null or { IsShared: false, Lease: null }
            ? null
            : new RegistryLoad
            {
                Connected = view.IsShared && view.Problem is null,
                Problem =
                    !view.IsShared ? "no registry is configured: each gateway takes an even share of the fleet's limit"
                    : view.Problem is { Length: > MaxProblem } problem ? problem[..MaxProblem]
                    : view.Problem,
                FleetShare = view.Lease?.Granted,
            };
}
