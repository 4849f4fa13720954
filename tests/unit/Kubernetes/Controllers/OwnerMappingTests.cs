using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Models;

namespace Mooring.Kubernetes.Tests.Controllers;

public sealed class OwnerMappingTests
{
    [Theory]
    [InlineData("test.mooring.dev/v1", "Widget", true, true)]
    [InlineData("test.mooring.dev/v2beta1", "Widget", true, true)]
    [InlineData("test.mooring.dev/v1", "Widget", false, false)]
    [InlineData("test.mooring.dev/v1", "Widget", null, false)]
    [InlineData("test.mooring.dev/v1", "Other", true, false)]
    [InlineData("other.dev/v1", "Widget", true, false)]
    [InlineData("v1", "Widget", true, false)]
    public void OwnersOf_OnlyTheControllerOfThatKind(string apiVersion, string kind, bool? controller, bool expected)
    {
        var child = new PartialObject
        {
            Metadata = new ObjectMeta
            {
                Namespace = "ns",
                OwnerReferences =
                [
                    new OwnerReference
                    {
                        ApiVersion = apiVersion,
                        Kind = kind,
                        Name = "a",
                        Uid = "1",
                        Controller = controller,
                    },
                ],
            },
        };
        OwnerMapping.OwnersOf(child, Widgets.Kind).ShouldBe(expected ? [new ObjectKey("ns", "a")] : []);
    }

    [Fact]
    public void ReferenceTo_UnsavedEntity_SaysWhatIsMissing() =>
        Should.Throw<ArgumentException>(() => OwnerMapping.ReferenceTo(Widgets.Make("a"))).Message.ShouldContain("UID");
}
