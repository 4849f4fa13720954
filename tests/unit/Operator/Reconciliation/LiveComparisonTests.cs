using System.Text.Json.Nodes;
using Mooring.Operator.Reconciliation;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class LiveComparisonTests
{
    [Theory]
    [InlineData("""{"a":1}""", """{"a":1,"b":2}""", null)]
    [InlineData("""{"a":1}""", """{"a":2}""", "a")]
    [InlineData("""{"a":1}""", """{"a":"1"}""", "a")]
    [InlineData("""{"a":1}""", """{"a":1.0}""", null)]
    [InlineData("""{"a":true}""", """{"a":false}""", "a")]
    [InlineData("""{"a":{"b":{"c":"x"}}}""", """{"a":{"b":{"c":"y"}}}""", "a.b.c")]
    [InlineData("""{"a":{"b":1}}""", """{}""", "a")]
    [InlineData("""{"a":{}}""", """{}""", null)]
    [InlineData("""{"a":[]}""", """{}""", null)]
    [InlineData("""{"a":null}""", """{}""", null)]
    [InlineData("""{"args":["x","y"]}""", """{"args":["x","y"]}""", null)]
    [InlineData("""{"args":["x"]}""", """{"args":["x","y"]}""", "args")]
    [InlineData("""{"args":["x","y"]}""", """{"args":["y","x"]}""", "args[0]")]
    public void Differences_Cases(string desired, string live, string? difference) =>
        First(JsonNode.Parse(desired), JsonNode.Parse(live)).ShouldBe(difference);

    [Fact]
    public void Differences_ContainersInOtherOrderWithASidecar_IsNone()
    {
        var desired = JsonNode.Parse("""{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}""");
        var live = JsonNode.Parse("""{"containers":[{"name":"injected"},{"name":"b","image":"2","tty":true},{"name":"a","image":"1"}]}""");
        First(desired, live).ShouldBeNull();
    }

    [Fact]
    public void Differences_ContainerChanged_NamesItByItsKey() =>
        First(
                JsonNode.Parse("""{"containers":[{"name":"a","image":"1"}]}"""),
                JsonNode.Parse("""{"containers":[{"name":"a","image":"9"}]}""")
            )
            .ShouldBe("containers[name=a].image");

    [Fact]
    public void Differences_ContainerGone_IsFound() =>
        First(JsonNode.Parse("""{"containers":[{"name":"a"},{"name":"b"}]}"""), JsonNode.Parse("""{"containers":[{"name":"a"}]}"""))
            .ShouldBe("containers[name=b]");

    [Theory]
    [InlineData("""[{"name":"a","port":1},{"name":"b","port":2}]""", "spec.ports")]
    [InlineData("""[{"name":"a","port":2}]""", "spec.ports[name=a].port")]
    [InlineData("""[{"name":"a","port":1,"nodePort":3}]""", null)]
    public void Differences_PortsOfAService_AreTheseAndNoOthers(string live, string? difference) =>
        First(JsonNode.Parse("""{"spec":{"ports":[{"name":"a","port":1}]}}"""), JsonNode.Parse($$$"""{"spec":{"ports":{{{live}}}}}"""))
            .ShouldBe(difference);

    [Fact]
    public void Differences_TolerationAdded_IsDriftSinceThatListIsAtomic() =>
        First(JsonNode.Parse("""{"tolerations":[{"key":"a"}]}"""), JsonNode.Parse("""{"tolerations":[{"key":"a"},{"key":"b"}]}"""))
            .ShouldBe("tolerations");

    [Fact]
    public void Differences_Several_AreAllFoundWithTheirLiveValues() =>
        LiveComparison
            .Differences(JsonNode.Parse("""{"a":1,"b":{"c":"x"},"d":true}"""), JsonNode.Parse("""{"a":2,"b":{},"d":true}"""))
            .ShouldBe([new Difference("a", "2"), new Difference("b.c", "")]);

    private static string? First(JsonNode? desired, JsonNode? live) =>
        LiveComparison.Differences(desired, live).Select(difference => difference.Path).FirstOrDefault();
}
