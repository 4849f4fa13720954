using Mooring.Kubernetes.Models;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning;

/// <summary>Says what a fleet's conditions and phase are.</summary>
internal static class ConditionCalculator
{
    // The API's own bound of a condition's message.
    private const int MaxMessage = 32_768;

    internal sealed record Finding(string Status, string Reason, string Message);

    public static (IReadOnlyList<Condition> Conditions, string Phase) Calculate(StatusInput input, Figures figures)
    {
        var shortfall = Shortfall(input, figures);
        var ready = shortfall ?? new Finding(FleetConditions.True, FleetConditions.Serving, ServingMessage(input, figures));
        var degraded = Degraded(input, shortfall, figures);
        var progressing = Progressing(input, figures, shortfall, isDegraded: degraded.Status == FleetConditions.True);
        Condition[] conditions =
        [
            Write(FleetConditions.Ready, ready, input),
            Write(FleetConditions.Progressing, progressing, input),
            Write(FleetConditions.Degraded, degraded, input),
            .. RegistryCondition.Of(input) is { } registry
                ? [Write(FleetConditions.RegistryConnected, new Finding(registry.Status, registry.Reason, registry.Message), input)]
                : Array.Empty<Condition>(),
        ];
        return (conditions, Phase(input, ready, degraded));
    }

    /// <summary>What is missing for the spec to be in force, the gravest first; null: nothing.</summary>
    private static Finding? Shortfall(StatusInput input, Figures figures)
    {
        var desired = input.Input.Fleet.Spec.Gateway.Replicas;
        if (input.Input.Fleet.Metadata.DeletionTimestamp is not null)
        {
            return Missing(FleetConditions.Deleting, "the fleet is being deleted");
        }

        if (input.Errors.Count > 0)
        {
            return Missing(FleetConditions.Invalid, string.Join("; ", input.Errors));
        }

        if (input.ApplyError is { } error)
        {
            return Missing(FleetConditions.ApplyFailed, error);
        }

        // One that is replaced for want of a Secret may have been told before that was seen: what it thinks of the config is no fault of the config's.
        if (
            input.View?.Gateways.FirstOrDefault(gateway =>
                gateway.RefusedHash is { } hash && hash == input.Plan?.ConfigHash && !input.Plan.Withheld.Contains(gateway.Name)
            ) is
            { } refusing
        )
        {
            return Missing(
                FleetConditions.ConfigRefused,
                $"{refusing.Name} refuses the config: {string.Join("; ", refusing.ConfigErrors)}"
            );
        }

        if (input.Plan is { } plan && RolloutStall.Find(input.Input with { Now = input.Now }, plan, figures.IsOverdue) is { } stalled)
        {
            return Missing(FleetConditions.RolloutStalled, stalled);
        }

        if (figures.GatewaysReady < (input.GatewaysNeeded ?? desired))
        {
            return GatewaysNotReady();
        }

        if (input.Plan?.Rollout == SequencePhase.Surging)
        {
            return Missing(FleetConditions.RolloutSurging, $"gateways of revision {input.Plan.Revision} are starting{Why(input)}");
        }

        if (input.StalledWorkloads.Count > 0)
        {
            return Missing(
                figures.ShortBackends.Count > 0 ? FleetConditions.BackendsNotReady : FleetConditions.RolloutStalled,
                string.Join("; ", input.StalledWorkloads)
            );
        }

        if (figures.ShortBackends.Count > 0)
        {
            return Missing(FleetConditions.BackendsNotReady, $"endpoints ready: {string.Join(", ", figures.ShortBackends)}");
        }

        // Last: what is only to come must not hide what was lost.
        if (figures.GatewaysReady < desired)
        {
            return GatewaysNotReady();
        }

        return input.View is { } view && view.AckedCount < view.Gateways.Count
            ? Missing(FleetConditions.ConfigPending, $"the config is in force on {view.AckedSummary} gateways")
            : null;

        Finding GatewaysNotReady() =>
            Missing(
                FleetConditions.GatewaysNotReady,
                $"{figures.GatewaysReady} of {desired} gateways are ready{Why(input, figures.IsOverdue)}{Mounts(input)}"
            );
    }

    // A fleet that is only starting, or was just changed, is not degraded: it has to have been ready as it is wanted now.
    private static Finding Degraded(StatusInput input, Finding? shortfall, Figures figures)
    {
        if (input.Blind is { } blind)
        {
            return new Finding(FleetConditions.True, FleetConditions.Forbidden, $"the operator goes by what it saw before: {blind}");
        }

        var fleet = input.Input.Fleet;
        var last = fleet.Status?.Conditions ?? [];
        var wasReady =
            input.WasReady
            ?? (
                fleet.Status?.ObservedGeneration == fleet.Metadata.Generation
                && last.Any(condition =>
                    condition is { Type: FleetConditions.Ready or FleetConditions.Degraded, Status: FleetConditions.True }
                    // The operator's own blindness says nothing of the fleet.
                    && condition.Reason != FleetConditions.Forbidden
                )
            );
        var isLess = figures.GatewaysReady < (input.GatewaysNeeded ?? fleet.Spec.Gateway.Replicas);
        var isFault =
            shortfall?.Reason
                is FleetConditions.ApplyFailed
                    or FleetConditions.ConfigRefused
                    or FleetConditions.Invalid
                    or FleetConditions.RolloutStalled
            || (wasReady && shortfall?.Reason == FleetConditions.BackendsNotReady)
            || (wasReady && isLess && shortfall?.Reason == FleetConditions.GatewaysNotReady)
            || (input.StalledWorkloads.Count > 0 && shortfall?.Reason == FleetConditions.BackendsNotReady)
            // Those that a scale-out asks for do not come.
            || (figures.IsOverdue && shortfall?.Reason == FleetConditions.GatewaysNotReady);
        if (isFault)
        {
            return shortfall! with { Status = FleetConditions.True };
        }

        // They serve on with what was good before, until it expires.
        return input.View?.Gateways.FirstOrDefault(gateway => gateway.Report is { Problems.Count: > 0 }) is { } troubled
            ? new Finding(
                FleetConditions.True,
                FleetConditions.CertificatesRejected,
                $"{troubled.Name} serves on with what it had before: {string.Join("; ", troubled.Report!.Problems)}"
            )
            : Overloaded(input) ?? new Finding(FleetConditions.False, FleetConditions.AsWanted, "");
    }

    private static Finding? Overloaded(StatusInput input) =>
        input.View?.Gateways.FirstOrDefault(gateway => gateway.Report?.Overload?.Problem is not null) is { } overloaded
            ? new Finding(FleetConditions.True, FleetConditions.Overloaded, $"{overloaded.Name} {overloaded.Report!.Overload!.Problem}")
            : null;

    /// <summary>What the cluster has against more gateways and, of those that should long be there, what keeps each from serving.</summary>
    private static string Why(StatusInput input, bool isOverdue = false) =>
        input.Plan is { } plan
        && (isOverdue ? RolloutStall.Why(input.Input with { Now = input.Now }, plan) : RolloutStall.Refusal(input.Input, plan)) is { } why
            ? $": {why}"
            : "";

    /// <summary>Without its Secrets a pod does not start, and only its own events say so.</summary>
    private static string Mounts(StatusInput input) =>
        input.Input.Platform == FleetPlatform.Kubernetes && SecretPaths.Used(input.Input.Fleet.Spec) is { Count: > 0 } secrets
            ? $"; no pod of them starts without the Secrets {string.Join(", ", secrets.Select(static secret => secret.Name).Order(StringComparer.Ordinal))}"
            : "";

    private static Finding Progressing(StatusInput input, Figures figures, Finding? shortfall, bool isDegraded)
    {
        if (input.Plan?.Paused == true)
        {
            return new Finding(FleetConditions.False, FleetConditions.Paused, "spec.paused is true: nothing is changed");
        }

        if (shortfall is not null && !isDegraded)
        {
            return shortfall with { Status = FleetConditions.True };
        }

        return input.Plan?.Rollout switch
        {
            SequencePhase.Draining => new Finding(
                FleetConditions.True,
                FleetConditions.RolloutDraining,
                $"{figures.GatewaysOld} gateways of older revisions are left"
            ),
            SequencePhase.ScalingIn => new Finding(
                FleetConditions.True,
                FleetConditions.ScalingIn,
                $"{figures.GatewaysDraining} surplus gateways are being emptied"
            ),
            _ => new Finding(FleetConditions.False, isDegraded && shortfall is not null ? shortfall.Reason : FleetConditions.Complete, ""),
        };
    }

    private static string Phase(StatusInput input, Finding ready, Finding degraded) =>
        ready.Reason switch
        {
            FleetConditions.Deleting => "Deleting",
            FleetConditions.Invalid => "Invalid",
            _ when input.Plan?.Paused == true => "Paused",
            _ when degraded.Status == FleetConditions.True => "Degraded",
            _ when ready.Status == FleetConditions.True => "Ready",
            _ when input.Input.Fleet.Status?.Phase is null or "Pending"
                    && input.Input.Deployments.Count == 0
                    && input.View is not { Gateways.Count: > 0 } => "Pending",
            _ => "Progressing",
        };

    private static string ServingMessage(StatusInput input, Figures figures) =>
        $"{figures.GatewaysReady}/{input.Input.Fleet.Spec.Gateway.Replicas} gateways and {figures.BackendsReady}/{figures.BackendsDesired} backend endpoints are ready";

    private static Finding Missing(string reason, string message) => new(FleetConditions.False, reason, message);

    internal static Condition Write(string type, Finding finding, StatusInput input)
    {
        var last = input.Input.Fleet.Status?.Conditions?.FirstOrDefault(condition => condition.Type == type);
        return new Condition
        {
            Type = type,
            Status = finding.Status,
            Reason = finding.Reason,
            Message = finding.Message.Length <= MaxMessage ? finding.Message : finding.Message[..MaxMessage],
            // The API stores whole seconds; a finer time would never equal what comes back.
            LastTransitionTime =
                last?.Status == finding.Status
                    ? last.LastTransitionTime
                    : DateTimeOffset.FromUnixTimeSeconds(input.Now.ToUnixTimeSeconds()),
            ObservedGeneration = input.Input.Fleet.Metadata.Generation,
        };
    }
}
