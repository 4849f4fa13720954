using System.Globalization;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities.Status;

namespace Mooring.Operator.Planning.Tuning;

/// <summary>The tuners of a fleet as last seen. Immutable.</summary>
public sealed record TunerObservation
{
    /// <summary>Nodes that the DaemonSet is to run on.</summary>
    public int Desired { get; init; }

    /// <summary>Nodes that a tuner's pod is on, whether it runs at the moment or not.</summary>
    public IReadOnlyList<string> Nodes { get; init; } = [];

    /// <summary>The last report of each connected tuner.</summary>
    public IReadOnlyList<TuningReport> Reports { get; init; } = [];

    /// <summary>Some tuner has been heard of, be it by an earlier leader. Where none ever was, none was told anything, and no node was changed.</summary>
    public bool WasHeard { get; init; }

    /// <summary>Since when the nodes are being put back as they were; null: they are not.</summary>
    public DateTimeOffset? RestoringSince { get; init; }

    /// <summary>Of the nodes that report; null: none does.</summary>
    public Version? OldestKernel =>
        Reports.Select(report => ParseKernel(report.Kernel)).Where(version => version is not null).Order().FirstOrDefault();

    /// <param name="tuner">The DaemonSet.</param>
    /// <param name="pods">The fleet's pods.</param>
    /// <param name="reports">Of the connected tuners.</param>
    /// <param name="isConnected">A tuner is connected, though it may not have reported yet.</param>
    /// <param name="last">Of the fleet's status.</param>
    internal static TunerObservation Of(
        DaemonSet tuner,
        IEnumerable<Pod> pods,
        IReadOnlyList<TuningReport> reports,
        bool isConnected,
        TuningStatus? last
    ) =>
        new()
        {
            Desired = tuner.Status?.DesiredNumberScheduled ?? 0,
            Nodes =
            [
                .. pods.Where(static pod =>
                        pod.Metadata.Labels?.GetValueOrDefault(ResourceLabels.Role) == ResourceLabels.TunerRole
                        && !GatewayObserver.HasEnded(pod)
                    )
                    .Select(static pod => pod.Spec?.NodeName)
                    .Where(static node => !string.IsNullOrEmpty(node))
                    .Select(static node => node!)
                    .Distinct(StringComparer.Ordinal)
                    .Order(StringComparer.Ordinal),
            ],
            Reports = reports,
            WasHeard =
                isConnected
                || reports.Count > 0
                || tuner.Metadata.Annotations?.ContainsKey(TunerRenderer.Heard) == true
                // An operator that did not annotate it yet has left this.
                || last?.Tuned > 0
                || last?.Problems?.Any(static problem => !string.IsNullOrEmpty(problem.Node)) == true,
            RestoringSince = DateTimeOffset.TryParse(
                tuner.Metadata.Annotations?.GetValueOrDefault(TunerRenderer.RestoringSince),
                CultureInfo.InvariantCulture,
                DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
                out var since
            )
                ? since
                : null,
        };

    /// <summary>Nodes of which nobody has said that they are as before. A tuner that is being replaced says so when it is back: what it changed is on the node.</summary>
    /// <param name="off">Hash of the message that has them put back.</param>
    internal IReadOnlyList<string> Unrestored(string off)
    {
        if (!WasHeard)
        {
            return [];
        }

        var restored = Reports
            .GroupBy(static report => report.Node, StringComparer.Ordinal)
            .Where(node => node.All(report => report.Hash == off && report.Items.Count == 0))
            .Select(static node => node.Key)
            .ToHashSet(StringComparer.Ordinal);
        var known = Nodes.Concat(Reports.Select(static report => report.Node)).Distinct(StringComparer.Ordinal).ToList();
        return
        [
            .. known.Where(node => !restored.Contains(node)).Order(StringComparer.Ordinal),
            // Nodes whose pod is gone for the moment, and of which not even the name is known here.
            .. Enumerable.Repeat("", Math.Max(0, Desired - Nodes.Count)),
        ];
    }

    private static Version? ParseKernel(string release)
    {
        var numbers = new string([.. release.TakeWhile(letter => char.IsAsciiDigit(letter) || letter == '.')]).Trim('.').Split('.');
        return numbers.Length >= 2 && Version.TryParse($"{numbers[0]}.{numbers[1]}", out var version) ? version : null;
    }
}
