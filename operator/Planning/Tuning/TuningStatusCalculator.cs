using Mooring.Contracts.Stream;
using Mooring.Contracts.Tuning;
using Mooring.Operator.Entities.Status;

namespace Mooring.Operator.Planning.Tuning;

/// <summary>Says how far nodes and pods are from what a fleet wants of the kernel. Pure.</summary>
internal static class TuningStatusCalculator
{
    private const int MaxProblems = 20;
    private const int MaxText = 1024;

    /// <summary>Null where the fleet wants nothing of the kernel.</summary>
    public static TuningStatus? Calculate(StatusInput input)
    {
        // A fleet with tunnels alone has its ports reserved, and wants no report of it.
        var isOff = input.Input.Fleet.Spec.NodeTuning is null or { Mode: "Off" };
        if (
            input.Plan?.Tuning is not { } plan
            || (plan.Message is null && plan.PodProblems.Count == 0 && (isOff || plan.PodSysctls.Count == 0))
        )
        {
            return null;
        }

        var current = (input.Input.Tuner?.Reports ?? []).Where(report => report.Hash == plan.Message?.Hash).ToList();
        var problems = current
            .OrderBy(report => report.Node, StringComparer.Ordinal)
            .SelectMany(report =>
                report
                    .Items.Where(item => item.State != TuningState.Tuned)
                    .Select(item => new TuningProblem
                    {
                        Node = Cut(report.Node, 253),
                        Name = Cut(item.Name, 253),
                        Wanted = Cut(item.Wanted, MaxText),
                        Actual = Cut(item.Actual, MaxText),
                        Reason = Cut($"{item.State}: {item.Reason}", MaxText),
                    })
            )
            .Concat(
                plan.PodProblems.Select(problem => new TuningProblem
                {
                    Node = "",
                    Name = problem.Name,
                    Wanted = problem.Wanted,
                    Actual = "",
                    Reason = problem.Reason,
                })
            )
            .Concat(NotInForce(input, plan))
            .ToList();
        var nodes = input.Input.Tuner?.Desired ?? 0;
        var tuned = Math.Min(nodes, current.Count(report => report.Items.All(item => item.State == TuningState.Tuned)));
        return new TuningStatus
        {
            Nodes = nodes,
            Tuned = tuned,
            Summary = $"{tuned}/{nodes}",
            Problems = problems.Take(MaxProblems).ToList(),
            ProblemCount = problems.Count,
        };
    }

    /// <summary>What the pods of the wanted revision, by what they read back, do not have: a problem a setting, however many pods have another.</summary>
    private static IEnumerable<TuningProblem> NotInForce(StatusInput input, NodeTuningPlan plan)
    {
        // A gateway of an older revision has the older settings, and goes soon.
        var gateways = (input.View?.Gateways ?? [])
            .Where(gateway => gateway.Name.StartsWith(input.Plan!.GatewayDeployment + "-", StringComparison.Ordinal))
            .OrderBy(static gateway => gateway.Name, StringComparer.Ordinal)
            .ToList();
        foreach (var (name, wanted) in plan.InPods)
        {
            if (!SysctlTable.TryFind(name, out var row))
            {
                continue;
            }

            var others = gateways
                .Select(gateway => (gateway.Name, Actual: gateway.Hello.Limits?.Sysctls?.GetValueOrDefault(name)))
                .Where(seen => seen.Actual is not null && !SysctlValue.Satisfies(row, seen.Actual, wanted))
                .ToList();
            if (others.Count > 0)
            {
                yield return new TuningProblem
                {
                    Node = "",
                    Name = name,
                    Wanted = wanted,
                    Actual = Cut(others[0].Actual!, MaxText),
                    Reason =
                        (
                            others.Count == 1
                                ? $"the pod {others[0].Name} has another"
                                : $"{others.Count} pods have another, {others[0].Name} for one"
                        ) + (row.IsForPods ? "" : ": a pod takes its node's as it starts, and keeps it"),
                };
            }
        }
    }

    private static string Cut(string text, int limit) => text.Length <= limit ? text : text[..limit];
}
