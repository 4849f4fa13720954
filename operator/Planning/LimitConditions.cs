using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Planning;

/// <summary>Says whether nodes, pods and processes let a fleet be what its spec asks for: the conditions NodesTuned and LimitsSufficient.</summary>
internal static class LimitConditions
{
    public static IEnumerable<Condition> Calculate(StatusInput input, TuningStatus? tuning)
    {
        if (tuning is not null)
        {
            yield return ConditionCalculator.Write(FleetConditions.NodesTuned, NodesTuned(input, tuning), input);
        }

        if (input.View is { } view && input.Plan is not null)
        {
            yield return ConditionCalculator.Write(FleetConditions.LimitsSufficient, LimitsSufficient(input, view), input);
        }
    }

    private static ConditionCalculator.Finding NodesTuned(StatusInput input, TuningStatus tuning)
    {
        if (tuning.ProblemCount > 0)
        {
            var first = tuning.Problems![0];
            var place = string.IsNullOrEmpty(first.Node) ? "the gateways' pods" : $"node {first.Node}";
            var more = tuning.ProblemCount > 1 ? $" (and {tuning.ProblemCount - 1} more: status.tuning.problems)" : "";
            return new(
                FleetConditions.False,
                FleetConditions.SettingsDiffer,
                $"{place}: {first.Name} is not {first.Wanted}: {first.Reason}{more}"
            );
        }

        return input.Plan!.Tuning.HasTuners && (tuning.Nodes == 0 || tuning.Tuned < tuning.Nodes)
            ? new(FleetConditions.Unknown, FleetConditions.TunersPending, $"{tuning.Summary} nodes have reported{Absent(input)}")
            : new(FleetConditions.True, FleetConditions.AsWanted, $"{tuning.Summary} nodes are as wanted");
    }

    /// <summary>A pod that was never made reports nothing, and only its DaemonSet's events say why.</summary>
    private static string Absent(StatusInput input) =>
        input.Input.Tuner is { } tuner && tuner.Nodes.Count < tuner.Desired
            ? $"; {tuner.Desired - tuner.Nodes.Count} have no pod of the tuner: kubectl describe daemonset "
                + $"{ResourceNames.Tuner(input.Input.Fleet.Metadata.Name!)} says why (the namespace must let privileged pods in)"
            : "";

    private static ConditionCalculator.Finding LimitsSufficient(StatusInput input, FleetView view)
    {
        var wanted = input.Plan!.Config.Capacity.MaxConnections;
        var reporting = view
            .Gateways.Where(gateway => gateway.Report is { Capacity: > 0 } && gateway.ConfigHash == view.DesiredHash)
            .ToList();
        if (reporting.Count == 0)
        {
            return new(FleetConditions.Unknown, FleetConditions.NoReports, "no gateway has reported with the wanted config yet");
        }

        var capped = reporting.Where(gateway => gateway.Report!.Capacity < wanted).ToList();
        if (capped.Count == 0 && Short(reporting, wanted) is { } lack)
        {
            return lack;
        }

        if (capped.Count == 0)
        {
            var lowest = reporting.MinBy(static gateway => gateway.Report!.Capacity)!.Report!;
            return new(
                FleetConditions.True,
                FleetConditions.AsWanted,
                wanted == 0 ? $"Auto: {lowest.Capacity} connections a gateway, or more, by {lowest.CapacityBound}" : ""
            );
        }

        var least = capped.MinBy(gateway => gateway.Report!.Capacity)!;
        return new(
            FleetConditions.False,
            FleetConditions.CapacityCapped,
            $"{capped.Count} of {reporting.Count} gateways take fewer than the {wanted} connections asked for; {least.Name} takes {least.Report!.Capacity}"
                + (least.Hello.Limits is { MaxOpenFiles: > 0 } limits ? $" with {limits.MaxOpenFiles} open files" : "")
        );
    }

    private static ConditionCalculator.Finding? Short(IReadOnlyList<GatewayView> gateways, int wanted)
    {
        var lacking = gateways.Where(static gateway => gateway.Report!.Shortfall is not null).ToList();
        if (lacking.Count == 0)
        {
            return null;
        }

        var least = lacking.MinBy(static gateway => gateway.Report!.Shortfall!.Connections)!;
        var (connections, bound) = least.Report!.Shortfall!;
        var which = bound switch
        {
            CapacityBound.Ports =>
                "local ports (net.ipv4.ip_local_port_range less those reserved, for each address of the backends' endpoints)",
            CapacityBound.Memory => "memory (16 KiB a connection, 32 with TLS)",
            CapacityBound.Tracking => "net.netfilter.nf_conntrack_max (two for each proxied connection, where the node tracks them)",
            _ => bound.ToString(),
        };
        return new(
            FleetConditions.False,
            FleetConditions.LimitsTooLow,
            $"{lacking.Count} of {gateways.Count} gateways take the {wanted} connections asked for without what these need; {least.Name} has {which} for {connections}"
        );
    }
}
