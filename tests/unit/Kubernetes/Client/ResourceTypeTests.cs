using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class ResourceTypeTests
{
    [Theory]
    [InlineData("", "v1", "ns", null, null, "/api/v1/namespaces/ns/things")]
    [InlineData("", "v1", null, null, null, "/api/v1/things")]
    [InlineData("a.b", "v2", "ns", "x", null, "/apis/a.b/v2/namespaces/ns/things/x")]
    [InlineData("a.b", "v2", "ns", "x", "status", "/apis/a.b/v2/namespaces/ns/things/x/status")]
    public void Path_Namespaced(string group, string version, string? ns, string? name, string? part, string expected) =>
        Make(group, version, true).Path(ns, name, part).ShouldBe(expected);

    [Fact]
    public void Path_ClusterScoped_IgnoresTheNamespace() => Make("", "v1", false).Path("ns", "x").ShouldBe("/api/v1/things/x");

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("a/b")]
    [InlineData("a%2fb")]
    [InlineData("")]
    public void Path_NameThatIsNoSegment_IsRefused(string name) =>
        Should.Throw<ArgumentException>(() => Make("", "v1", true).Path("ns", name));

    [Fact]
    public void Path_NameWithoutNamespace_IsRefused() =>
        Should.Throw<ArgumentException>(() => Make("", "v1", true).Path(null, "x")).Message.ShouldContain("needs a namespace");

    [Fact]
    public void For_TypeWithoutAttribute_SaysSo() =>
        Should
            .Throw<ArgumentException>(() => ResourceType.For(KubernetesJson.Default.PartialObject))
            .Message.ShouldContain("PartialObject");

    [Fact]
    public void Clone_IsDeep()
    {
        var value = Widgets.Make("a", "red", new() { ["x"] = "1" });
        var copy = Widgets.Kind.Clone(value);
        copy.Metadata.Labels!["x"] = "2";
        value.Metadata.Labels!["x"].ShouldBe("1");
        copy.Spec.ShouldBe(value.Spec);
    }

    private static ResourceType<PartialObject> Make(string group, string version, bool namespaced) =>
        new(group, version, "things", "Thing", namespaced, KubernetesJson.Default.PartialObject);
}
