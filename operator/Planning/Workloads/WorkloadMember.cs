using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.Planning.Workloads;

/// <summary>One pod (in host mode: process) of a workload backend.</summary>
/// <param name="Name">The id of its endpoint.</param>
/// <param name="IsServing">It is ready, and nobody has asked it to go.</param>
public sealed record WorkloadMember(string Name, bool IsServing);

/// <summary>Reads a workload's pods, and what gateways say of them. Pure.</summary>
internal static class WorkloadMembers
{
    /// <summary>The fleet's pods of a backend, ordered by name. Ones that have failed carry nobody.</summary>
    public static IReadOnlyList<Pod> Pods(FleetInput input, string backend) =>
        [
            .. input
                .Pods.Where(pod =>
                    pod.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.BackendRole
                    && pod.Metadata.Labels.GetValueOrDefault(ResourceLabels.Backend) == backend
                    && !GatewayObserver.HasEnded(pod)
                )
                .OrderBy(static pod => pod.Metadata.Name, StringComparer.Ordinal),
        ];

    /// <summary>Those that serve and those that are going.</summary>
    public static IReadOnlyList<WorkloadMember> Of(FleetInput input, BackendSpec backend) =>
        input.Platform == FleetPlatform.Host
            ? input.Workloads.GetValueOrDefault(backend.Name) ?? []
            :
            [
                .. Pods(input, backend.Name)
                    .Select(static pod => new WorkloadMember(
                        pod.Metadata.Name!,
                        GatewayObserver.StageOf(pod) == Scaling.GatewayStage.Ready
                            && Scaling.DrainAnnotations.Read(pod.Metadata.Annotations) is null
                    )),
            ];

    /// <summary>Connections by endpoint, those of all gateways together: of ones that drain or are not ready too, for they are there.</summary>
    public static IReadOnlyDictionary<string, long> Connections(FleetView? view, string backend)
    {
        var sums = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (
            var endpoint in (view?.Gateways ?? [])
                .SelectMany(static gateway => gateway.Report?.Backends ?? [])
                .Where(load => load.Name == backend)
                .SelectMany(static load => load.Endpoints)
        )
        {
            sums[endpoint.Id] = sums.GetValueOrDefault(endpoint.Id) + endpoint.Connections;
        }

        return sums;
    }

    /// <summary>Gateways that should say something, and have not: what they carry is not known.</summary>
    public static int SilentGateways(FleetInput input)
    {
        var speaking = (input.View?.Gateways ?? []).Select(static view => view.Name).ToHashSet(StringComparer.Ordinal);
        return (input.View?.Gateways ?? []).Count(static view => view.Report is null)
            + GatewayObserver
                .Present(input)
                .Count(gateway =>
                    !speaking.Contains(gateway.Name)
                    && (gateway.Stage == Scaling.GatewayStage.Terminating || GatewayObserver.MayCarryUnheard(gateway, input))
                );
    }

    /// <summary>When the gateway that was heard last but all others was heard; null while one has said nothing.</summary>
    public static DateTimeOffset? HeardSince(FleetInput input) =>
        SilentGateways(input) > 0
            ? null
            : (input.View?.Gateways ?? []).Select(static view => view.ReportedAt).DefaultIfEmpty(input.Now).Min();
}
