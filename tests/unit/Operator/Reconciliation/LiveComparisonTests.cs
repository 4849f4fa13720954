using System.Text;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Planning;
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

    /// <summary>The short way must say the same as the long one of any two objects: here one that lost or changed something at random places.</summary>
    [Fact]
    public void IsAsDesired_PlanObjectsWithAChange_SaysTheSameAsDifferences()
    {
        var plan = FleetPlanner.Plan(
            new FleetInput { Fleet = Fleets.Load(Fleets.Small), Stream = new StreamEndpoint("wss://operator.test/stream/v1", "ca") }
        );
        var objects = plan.Objects.Select(static value => JsonNode.Parse(Utf8(value))!).ToList();
        var random = new Random(7);
        foreach (var desired in objects.Concat(objects))
        {
            First(desired, desired.DeepClone()).ShouldBeNull();
            for (var round = 0; round < 40; round++)
            {
                var live = desired.DeepClone();
                Disturb(live, random);
                First(desired, live);
                First(live, desired);
            }
        }
    }

    private static byte[] Utf8(IKubernetesObject value) => ResourcesJson.Serialize(value);

    // Somewhere below: a member taken out or put in, an item moved or doubled, a value changed.
    private static void Disturb(JsonNode node, Random random)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } map:
                var (name, value) = map.ElementAt(random.Next(map.Count));
                if (value is JsonObject { Count: > 0 } or JsonArray { Count: > 0 } && random.Next(8) > 0)
                {
                    Disturb(value, random);
                }
                else
                {
                    map[name] = random.Next(4) switch
                    {
                        0 => null,
                        1 => "other",
                        2 => 7,
                        _ => new JsonObject(),
                    };
                    map["more"] = 1;
                }

                break;
            case JsonArray { Count: > 0 } list:
                var item = list[random.Next(list.Count)]!;
                switch (random.Next(4))
                {
                    case 0:
                        list.Add(item.DeepClone());
                        break;
                    case 1:
                        list.Remove(item);
                        break;
                    case 2:
                        list.Remove(item);
                        list.Add(item);
                        break;
                    default:
                        Disturb(item, random);
                        break;
                }

                break;
        }
    }

    private static string? First(JsonNode? desired, JsonNode? live)
    {
        var first = LiveComparison.Differences(desired, live).Select(difference => difference.Path).FirstOrDefault();
        LiveComparison
            .IsAsDesired(Encoding.UTF8.GetBytes(desired!.ToJsonString()), Encoding.UTF8.GetBytes(live!.ToJsonString()))
            .ShouldBe(first is null, $"{desired}\n{live}");
        return first;
    }
}
