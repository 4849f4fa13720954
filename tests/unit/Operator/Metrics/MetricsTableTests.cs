using System.Diagnostics.Metrics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Mooring.Kubernetes.Models;
using Mooring.Kubernetes.Queueing;
using Mooring.Kubernetes.Telemetry;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host;
using Mooring.Operator.Metrics;
using Mooring.Operator.Tests.AdminApi;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Metrics;

/// <summary>The tables of the room's README and the instruments of the code are the same.</summary>
public sealed class MetricsTableTests
{
    [Fact]
    public void Cluster_TheTableHasEveryInstrument_AndNoOther()
    {
        using var metrics = new FleetMetrics(new GatewayHub(TimeProvider.System));
        using var queue = new WorkQueue<ObjectKey>(new WorkQueueOptions { Name = "table" }, TimeProvider.System);
        foreach (var type in new[] { typeof(FleetMetrics), typeof(KubernetesMetrics) }.SelectMany(static one => one.Assembly.GetTypes()))
        {
            // Instruments are made when their type is first used.
            if (
                !type.ContainsGenericParameters
                && type.GetFields(BindingFlags.Static | BindingFlags.NonPublic | BindingFlags.Public)
                    .Any(static field =>
                        typeof(Meter).IsAssignableFrom(field.FieldType) || typeof(Instrument).IsAssignableFrom(field.FieldType)
                    )
            )
            {
                RuntimeHelpers.RunClassConstructor(type.TypeHandle);
            }
        }

        var instruments = new List<Instrument>();
        using (var listener = new MeterListener())
        {
            listener.InstrumentPublished = (instrument, _) =>
            {
                if (instrument.Meter.Name is FleetMetrics.Name or KubernetesMetrics.Name)
                {
                    instruments.Add(instrument);
                }
            };
            listener.Start();
        }

        Rows("In a cluster")
            .Select(static row => (row.Name, row.Type, row.Meaning))
            .ShouldBe(
                instruments
                    .Select(static one => (PrometheusName.Of(one), TypeOf(one), one.Description ?? ""))
                    .Distinct()
                    .OrderBy(static one => one.Item1, StringComparer.Ordinal)
            );
    }

    [Fact]
    public void Host_TheTableHasEveryFamily_AndNoOther()
    {
        var fleet = FakeAdministration.MakeFleet();
        var text = HostMetrics.Write([fleet.Overview], [fleet.View]);
        var helps = Regex
            .Matches(text, "^# HELP (?<name>\\S+) (?<text>.*)$", RegexOptions.Multiline)
            .ToDictionary(static one => one.Groups["name"].Value, static one => one.Groups["text"].Value);
        var types = Regex
            .Matches(text, "^# TYPE (?<name>\\S+) (?<text>.*)$", RegexOptions.Multiline)
            .Select(static one => (one.Groups["name"].Value, one.Groups["text"].Value))
            .ToList();
        var rows = Rows("On one machine");
        rows.Select(static row => (row.Name, row.Type, row.Meaning))
            .ShouldBe(
                types.Select(type => (type.Item1, type.Item2, helps[type.Item1])).OrderBy(static one => one.Item1, StringComparer.Ordinal)
            );
        MetricsText.CheckLabels(text, rows.ToDictionary(static row => row.Name, static row => row.Labels));
    }

    private static string TypeOf(Instrument instrument) =>
        PrometheusName.IsHistogram(instrument) ? "histogram"
        : PrometheusName.IsCounter(instrument) ? "counter"
        : "gauge";

    private static IReadOnlyList<(string Name, string Type, string Labels, string Meaning)> Rows(string heading) =>
        MetricsText.Rows(File.ReadAllText(Repository.PathOf("operator", "Metrics", "README.md")), heading);
}
