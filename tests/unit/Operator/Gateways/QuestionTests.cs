using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host;
using Mooring.Operator.Tests.AdminApi;

namespace Mooring.Operator.Tests.Gateways;

/// <summary>What gateways are asked for, by their streams.</summary>
public sealed class QuestionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Ask_EveryGatewayAnswersForItself()
    {
        await using var stream = await StreamFixture.StartAsync();
        using var first = await stream.JoinAsync("g0");
        using var second = await stream.JoinAsync("g1");
        await stream.UntilAsync(static view => view.Gateways.Count == 2);
        var asked = stream.Hub.AskAsync(null, QuestionKind.Metrics, Patience, stream.Deadline);
        foreach (var (gateway, name) in new[] { (second, "g1"), (first, "g0") })
        {
            var question = await stream.ReceiveAsync<QuestionMessage>(gateway);
            question.About.ShouldBe(QuestionKind.Metrics);
            // One to something else first: it is nobody's.
            await stream.SendAsync(gateway, new AnswerMessage { Id = question.Id + 7, Metrics = "wrong" });
            await stream.SendAsync(gateway, new AnswerMessage { Id = question.Id, Metrics = $"of {name}" });
        }

        (await asked)
            .Select(static one => (one.Fleet, one.Gateway, one.Answer?.Metrics))
            .ShouldBe([(StreamFixture.Fleet, "g0", "of g0"), (StreamFixture.Fleet, "g1", "of g1")]);
        (await stream.Hub.AskAsync("default/other", QuestionKind.Metrics, Patience, stream.Deadline)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Ask_OneIsSilentOrLeaves_OthersAreNotKeptWaitingForEver()
    {
        await using var stream = await StreamFixture.StartAsync();
        using var silent = await stream.JoinAsync("g0");
        using var leaving = await stream.JoinAsync("g1");
        await stream.UntilAsync(static view => view.Gateways.Count == 2);
        var asked = stream.Hub.AskAsync(StreamFixture.Fleet, QuestionKind.SlowConsumers, TimeSpan.FromSeconds(1), stream.Deadline);
        await stream.ReceiveAsync<QuestionMessage>(leaving);
        await leaving.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, stream.Deadline);

        (await asked).Select(static one => one.Answer).ShouldBe([null, null]);
        // The stream lives on, also after an answer that came too late.
        var late = await stream.ReceiveAsync<QuestionMessage>(silent);
        await stream.SendAsync(silent, new AnswerMessage { Id = late.Id, Metrics = "late" });
        var again = stream.Hub.AskAsync(StreamFixture.Fleet, QuestionKind.Metrics, Patience, stream.Deadline);
        var question = await stream.ReceiveAsync<QuestionMessage>(silent);
        await stream.SendAsync(silent, new AnswerMessage { Id = question.Id, Problem = "busy" });
        (await again).Single().Answer!.Problem.ShouldBe("busy");
    }

    [Fact]
    public async Task Ask_ManyAtOnce_AreBounded()
    {
        await using var stream = await StreamFixture.StartAsync();
        using var gateway = await stream.JoinAsync("g0");
        await stream.UntilAsync(static view => view.Gateways.Count == 1);
        var asked = Enumerable
            .Range(0, PendingQuestions.Max + 5)
            .Select(_ => stream.Hub.AskAsync(null, QuestionKind.Metrics, Patience, stream.Deadline))
            .ToList();
        for (var i = 0; i < PendingQuestions.Max; i++)
        {
            var question = await stream.ReceiveAsync<QuestionMessage>(gateway);
            await stream.SendAsync(gateway, new AnswerMessage { Id = question.Id, Metrics = "m" });
        }

        var answers = (await Task.WhenAll(asked)).Select(static one => one.Single().Answer);
        answers.Count(static answer => answer is null).ShouldBe(5);
    }

    [Theory]
    [InlineData("""{"type":"answer","id":1,"slowConsumers":[{"listener":"hub","client":"c","user":"u","bytes":-1}]}""", "bytes")]
    [InlineData("""{"type":"answer","id":1,"slowConsumers":[null]}""", "slowConsumers")]
    [InlineData("""{"type":"answer"}""", "id")]
    public async Task Answer_OfTheWrongForm_EndsTheStreamAndSaysWhere(string json, string field)
    {
        await using var stream = await StreamFixture.StartAsync();
        using var gateway = await stream.JoinAsync("g0");
        await stream.SendAsync(gateway, json);
        (await stream.ClosedAsync(gateway)).ShouldNotBeNull().ShouldContain(field);
    }

    [Fact]
    public async Task AdminApi_ListsSlowConsumersOfAllGateways_TheHeaviestFirst()
    {
        await using var server = await AdminServer.StartAsync();
        server.Administration.Answers =
        [
            new GatewayAnswer("shop/edge", "g0", new AnswerMessage { Id = 1, SlowConsumers = [Slow("a", 10), Slow("b", 30)] }),
            new GatewayAnswer("shop/edge", "g1", new AnswerMessage { Id = 1, SlowConsumers = [Slow("c", 20)] }),
            new GatewayAnswer("shop/edge", "g2", null),
            new GatewayAnswer("shop/edge", "g3", new AnswerMessage { Id = 1, Problem = "a loop is busy" }),
        ];

        var answer = JsonNode.Parse(await server.Http.GetStringAsync("/api/v1/fleets/shop/edge/hub/slow"))!;

        answer["clients"]!
            .AsArray()
            .Select(static one => $"{one!["gateway"]}/{one["client"]}/{one["bytes"]}")
            .ShouldBe(["g0/b/30", "g1/c/20", "g0/a/10"]);
        answer["silent"]!.AsArray().Select(static one => (string)one!).ShouldBe(["g2", "g3"]);
        using var other = await server.Http.GetAsync(new Uri("/api/v1/fleets/shop/none/hub/slow", UriKind.Relative));
        ((int)other.StatusCode).ShouldBe(404);
    }

    [Fact]
    public void Merge_FamiliesOnce_WithWhoseTheyAre()
    {
        const string First = """
            # HELP a_total Of a.
            # TYPE a_total counter
            a_total 1
            # HELP b B, by c.
            # TYPE b histogram
            b_bucket{c="x y",le="+Inf"} 2
            b_count{c="x y"} 2
            # HELP known Written before.
            # TYPE known gauge
            known 9

            """;
        const string Second = """
            # HELP a_total Of a.
            # TYPE a_total counter
            a_total 3
            nonsense
            # HELP d Only here.
            # TYPE d gauge
            d{} 4

            """;

        var text = GatewayMetricsMerge.Write(
            [
                new GatewayAnswer("n/f", "g0", new AnswerMessage { Id = 1, Metrics = First }),
                new GatewayAnswer("n/f", "g\"1", new AnswerMessage { Id = 1, Metrics = Second }),
                new GatewayAnswer("n/f", "g2", null),
            ],
            "# HELP known Written before.\n# TYPE known gauge\nknown{fleet=\"n/f\"} 1\n"
        );

        text.ShouldBe(
            """
            # HELP a_total Of a.
            # TYPE a_total counter
            a_total{fleet="n/f",gateway="g0"} 1
            a_total{fleet="n/f",gateway="g\"1"} 3
            # HELP b B, by c.
            # TYPE b histogram
            b_bucket{fleet="n/f",gateway="g0",c="x y",le="+Inf"} 2
            b_count{fleet="n/f",gateway="g0",c="x y"} 2
            # HELP d Only here.
            # TYPE d gauge
            d{fleet="n/f",gateway="g\"1"} 4

            """
        );
    }

    private static SlowConsumerLoad Slow(string client, long bytes) =>
        new()
        {
            Listener = "hub",
            Client = client,
            User = "u",
            Frames = 2,
            Bytes = bytes,
            AgeSeconds = 0.5,
        };
}
