using System.Globalization;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Metrics.External;

/// <summary>Serves external.metrics.k8s.io/v1beta1: for each fleet one number, the gateways that its load wants.</summary>
internal static class ExternalMetricsApi
{
    public const string Group = "external.metrics.k8s.io";
    public const string GroupVersion = $"{Group}/v1beta1";

    /// <summary>Name of the APIService that registers it.</summary>
    public const string Registration = $"v1beta1.{Group}";

    private const string Root = $"/apis/{GroupVersion}";

    public static void Map(IEndpointRouteBuilder routes, RecommendedGateways recommended)
    {
        routes.MapGet(
            Root,
            () =>
                Results.Json(
                    new ApiResourceList { Resources = [new ApiResource { Name = HorizontalPodAutoscalerRenderer.Metric }] },
                    ExternalMetricsJson.Default.ApiResourceList
                )
        );
        routes.MapGet(
            $"{Root}/namespaces/{{ns}}/{{metric}}",
            (string ns, string metric, HttpRequest request) => Answer(recommended, ns, metric, request.Query["labelSelector"].ToString())
        );
    }

    /// <summary>The fleet that a label selector names: <c>mooring.dev/fleet=NAME</c>, and nothing else.</summary>
    internal static string? FleetOf(string selector)
    {
        var parts = selector.Split('=', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return parts is [ResourceLabels.Fleet, { Length: <= 63 } name] && !name.Contains(',', StringComparison.Ordinal) ? name : null;
    }

    private static IResult Answer(RecommendedGateways recommended, string ns, string metric, string selector)
    {
        if (metric != HorizontalPodAutoscalerRenderer.Metric)
        {
            return Failure(404, "NotFound", $"there is no metric {metric}; there is {HorizontalPodAutoscalerRenderer.Metric}");
        }

        if (FleetOf(selector) is not { } fleet)
        {
            return Failure(400, "BadRequest", $"labelSelector must be {ResourceLabels.Fleet}=NAME");
        }

        // Nothing decided yet is no value: the autoscaler then leaves the number alone, where 0 would send everybody away.
        var value = recommended.Find(new ObjectKey(ns, fleet));
        return Results.Json(
            new ExternalMetricValueList
            {
                Items = value is not { } found
                    ? []
                    :
                    [
                        new ExternalMetricValue
                        {
                            MetricName = metric,
                            MetricLabels = new Dictionary<string, string> { [ResourceLabels.Fleet] = fleet },
                            Timestamp = DateTimeOffset.FromUnixTimeSeconds(found.At.ToUnixTimeSeconds()),
                            Value = found.Gateways.ToString(CultureInfo.InvariantCulture),
                        },
                    ],
            },
            ExternalMetricsJson.Default.ExternalMetricValueList
        );
    }

    private static IResult Failure(int code, string reason, string message) =>
        Results.Json(new FailureStatus(code, reason, message), ExternalMetricsJson.Default.FailureStatus, statusCode: code);
}
