using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class ApplyBodyTests
{
    private static readonly ConfigMap Live = new()
    {
        Metadata = new ObjectMeta { Uid = "u-1", ResourceVersion = "5" },
    };

    [Theory]
    [InlineData("""{"kind":"A","metadata":{"name":"x"}}""", """{"h":"1"}""")]
    [InlineData("""{"kind":"A","metadata":{"name":"x","annotations":{}}}""", """{"h":"1"}""")]
    [InlineData(
        """{"spec":{"metadata":{"annotations":{"no":"t"}}},"metadata":{"annotations":{"a":"b"},"name":"x"}}""",
        """{"h":"1","a":"b"}"""
    )]
    [InlineData("""{"metadata":{"labels":{"annotations":"q"},"name":"x"},"data":{"annotations":"z"}}""", """{"h":"1"}""")]
    public void Of_AnyMetadata_HasTheHashAndAllElseAsItWas(string json, string annotations)
    {
        var body = ApplyBody.Of(Encoding.UTF8.GetBytes(json), "h", "1");

        var expected = JsonNode.Parse(json)!;
        expected["metadata"]!["annotations"] = JsonNode.Parse(annotations);
        JsonNode.DeepEquals(JsonNode.Parse(body.Plain.Span), expected).ShouldBeTrue(Encoding.UTF8.GetString(body.Plain.Span));
        JsonNode.DeepEquals(body.ToNode(), expected).ShouldBeTrue();
    }

    [Fact]
    public void For_LiveOrNew_ReachesThatOneOnly()
    {
        var body = ApplyBody.Of("""{"metadata":{"name":"x","annotations":{"a":"b"}}}"""u8, "h", "1");

        JsonNode
            .DeepEquals(
                JsonNode.Parse(body.For(Live).Span),
                JsonNode.Parse("""{"metadata":{"uid":"u-1","name":"x","annotations":{"a":"b","h":"1"}}}""")
            )
            .ShouldBeTrue();
        JsonNode
            .DeepEquals(
                JsonNode.Parse(body.For(null).Span),
                JsonNode.Parse("""{"metadata":{"resourceVersion":"1","name":"x","annotations":{"a":"b","h":"1"}}}""")
            )
            .ShouldBeTrue();
    }

    [Theory]
    [InlineData("""{"kind":"A"}""")]
    [InlineData("""{"metadata":1}""")]
    [InlineData("""[]""")]
    public void Of_WithoutMetadata_IsAnError(string json) =>
        Should.Throw<JsonException>(() => ApplyBody.Of(Encoding.UTF8.GetBytes(json), "h", "1"));

    /// <summary>The hash that stands on live objects was taken of the text that nodes write: another would have every object applied anew.</summary>
    [Fact]
    public void Utf8_OfAnyObject_IsAsNodesWriteIt()
    {
        var fleet = Fleets.Load(Fleets.Small);
        var odd = new ConfigMap { Data = new Dictionary<string, string> { ["a/b"] = "é <b> & \"q\" \u2028 +\n\t" } };
        foreach (var value in FleetPlanner.Plan(new FleetInput { Fleet = fleet }).Objects.Append(odd))
        {
            var node = JsonSerializer.SerializeToNode(value, ResourcesJson.Default.GetTypeInfo(value.GetType())!)!;
            Encoding.UTF8.GetString(ResourcesJson.Serialize(value)).ShouldBe(node.ToJsonString());
        }
    }
}
