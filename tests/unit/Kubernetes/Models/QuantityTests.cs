using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Tests.Models;

public sealed class QuantityTests
{
    // As `kubectl get -o yaml` shows them after an apply.
    [Theory]
    [InlineData("1000m", "1")]
    [InlineData("0.5", "500m")]
    [InlineData("1.5", "1500m")]
    [InlineData("100", "100")]
    [InlineData("1000", "1k")]
    [InlineData("1024Mi", "1Gi")]
    [InlineData("1536Mi", "1536Mi")]
    [InlineData("0.5Gi", "512Mi")]
    [InlineData("0.5Ki", "512")]
    [InlineData("1000Ki", "1000Ki")]
    [InlineData("1e3", "1e3")]
    [InlineData("1000e0", "1e3")]
    [InlineData("0", "0")]
    [InlineData("0Mi", "0")]
    [InlineData("-1000m", "-1")]
    [InlineData("+5", "5")]
    [InlineData("0.1n", "1n")]
    [InlineData("64G", "64G")]
    [InlineData(".5", "500m")]
    [InlineData("1.", "1")]
    public void Canonicalize_Quantity_IsTheApiServersForm(string text, string canonical)
    {
        Quantity.Canonicalize(text).ShouldBe(canonical);
        Quantity.Canonicalize(canonical).ShouldBe(canonical);
    }

    [Theory]
    [InlineData("")]
    [InlineData("lots")]
    [InlineData("1.2.3")]
    [InlineData("1 Gi")]
    [InlineData("Gi")]
    [InlineData("1e99")]
    [InlineData("--1")]
    [InlineData("1Xi")]
    [InlineData("111111111111111111111111111111111")]
    public void IsValid_NoQuantity_IsFalse(string text)
    {
        Quantity.IsValid(text).ShouldBeFalse();
        Quantity.Canonicalize(text).ShouldBe(text);
        Quantity.ToInt64(text).ShouldBeNull();
    }

    [Theory]
    [InlineData("1G", 1_000_000_000)]
    [InlineData("1Gi", 1_073_741_824)]
    [InlineData("1500m", 2)]
    public void ToInt64_Quantity_IsRoundedUp(string text, long value) => Quantity.ToInt64(text).ShouldBe(value);

    [Theory]
    [InlineData("1", "1000m", 0)]
    [InlineData("1Gi", "1G", 1)]
    [InlineData("500m", "0.6", -1)]
    [InlineData("x", "1", null)]
    public void Compare_TwoQuantities_GoesByValue(string left, string right, int? order) => Quantity.Compare(left, right).ShouldBe(order);

    [Theory]
    [InlineData("3G", true)]
    [InlineData("1.0", true)]
    [InlineData("2000m", true)]
    [InlineData("500m", false)]
    [InlineData("1n", false)]
    [InlineData("x", null)]
    public void IsWhole_HoweverItIsWritten(string text, bool? whole) => Quantity.IsWhole(text).ShouldBe(whole);
}
