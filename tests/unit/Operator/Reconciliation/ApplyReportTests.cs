using System.Net;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class ApplyReportTests
{
    [Theory]
    [InlineData(null, null, null)]
    [InlineData(0, null, null)]
    [InlineData(1, null, 1)]
    [InlineData(1, 45, 45)]
    [InlineData(86_400, 1, 300)]
    public void RetryAfter_IsTheLongestAskedFor_WithinBounds(int? one, int? other, int? expected)
    {
        var report = new ApplyReport { Problems = [Problem(one), Problem(other)] };
        report.RetryAfter.ShouldBe(expected is { } seconds ? TimeSpan.FromSeconds(seconds) : null);
    }

    [Fact]
    public void RetryAfter_NoProblem_None() => ApplyReport.Nothing.RetryAfter.ShouldBeNull();

    private static ApplyProblem Problem(int? seconds) =>
        ApplyProblem.Of(
            "ConfigMap a",
            new KubernetesException(
                HttpStatusCode.TooManyRequests,
                new Status(),
                "PATCH a",
                seconds is { } asked ? TimeSpan.FromSeconds(asked) : null
            )
        );
}
