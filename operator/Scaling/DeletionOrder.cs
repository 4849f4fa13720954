namespace Mooring.Operator.Scaling;

/// <summary>Which pods a ReplicaSet removes first when it is lowered. Pure.</summary>
/// <remarks>
/// As in Kubernetes' <c>pkg/controller/controller_utils.go</c>, ActivePodsWithRanks: unassigned before assigned, pending before running, not ready before
/// ready, and only then the lower <c>controller.kubernetes.io/pod-deletion-cost</c>. What comes after (spread, age) cannot be relied on here.
/// </remarks>
internal static class DeletionOrder
{
    /// <summary>The gateways of one revision that are not ending, the first victim first. Among equals those that must stay come first: the worst case.</summary>
    public static IReadOnlyList<SequenceGateway> Of(IEnumerable<SequenceGateway> gateways, Func<SequenceGateway, bool> mayGo) =>
        [
            .. gateways
                .Where(static gateway => gateway.Stage != GatewayStage.Terminating)
                .OrderBy(static gateway => gateway.Stage)
                .ThenByDescending(static gateway => gateway.Mark?.Drained == true)
                .ThenBy(mayGo)
                .ThenBy(static gateway => gateway.Name, StringComparer.Ordinal),
        ];

    /// <summary>How many victims can be asked for without one among them that must stay.</summary>
    public static int Free(IEnumerable<SequenceGateway> gateways, Func<SequenceGateway, bool> mayGo) =>
        Of(gateways, mayGo).TakeWhile(mayGo).Count();
}
