namespace Mooring.Operator.Planning;

/// <summary>Says how the gateways stand with the registry that they share. Pure.</summary>
internal static class RegistryCondition
{
    private const int MaxProblems = 5;

    /// <summary>Status, reason and message; null where the fleet has nothing to share.</summary>
    public static (string Status, string Reason, string Message)? Of(StatusInput input)
    {
        var reports = (input.View?.Gateways ?? [])
            .Where(gateway => gateway.Report?.Registry is not null)
            .Select(gateway => (gateway.Name, Registry: gateway.Report!.Registry!))
            .ToList();
        var config = input.Plan?.Config;
        if (
            config is { Registry: null }
            && SharedState.MayBeSeveral(input.Input.Fleet.Spec, input.Plan!.GatewayReplicas)
            && SharedState.Lacks(config) is { Count: > 0 } lacks
            // Those of a host may have one from their environment.
            && !reports.Exists(static report => report.Registry.Connected)
        )
        {
            return (
                FleetConditions.False,
                FleetConditions.RegistryNotConfigured,
                $"several gateways need spec.registry: without it {string.Join("; ", lacks)}"
            );
        }

        if (config is null or { Registry: null, Capacity.Fleet: null })
        {
            return null;
        }

        if (reports.Count == 0)
        {
            return (FleetConditions.Unknown, FleetConditions.RegistryNotReported, "no gateway has said yet whether it is connected");
        }

        var away = reports.Where(report => !report.Registry.Connected).OrderBy(report => report.Name, StringComparer.Ordinal).ToList();
        if (away.Count == 0)
        {
            return (FleetConditions.True, FleetConditions.RegistryConnected, $"{reports.Count}/{reports.Count} gateways are connected");
        }

        var problems = away.Take(MaxProblems).Select(report => $"{report.Name}: {report.Registry.Problem}");
        return (
            FleetConditions.False,
            config.Registry is null ? FleetConditions.RegistryNotConfigured : FleetConditions.RegistryDegraded,
            $"{reports.Count - away.Count}/{reports.Count} gateways are connected; the others work on their own: {string.Join("; ", problems)}"
        );
    }
}
