using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Dashboard;

namespace Mooring.Operator.Tests.AdminApi;

public sealed class AdminEndpointsTests
{
    private const string Edge = "/api/v1/fleets/shop/edge";

    [Fact]
    public async Task Actions_AreDone_AsTheCaller()
    {
        await using var server = await AdminServer.StartAsync();
        foreach (
            var (path, body) in new[]
            {
                ("scale-up", """{"instances":3}"""),
                ("scale-down", """{"instances":1}"""),
                ("pause", null),
                ("resume", null),
                ("scaling/pause", null),
                ("scaling/resume", null),
                ("gateways/g-0/cordon", null),
                ("gateways/g-0/uncordon", null),
                ("gateways/g-0/drain", null),
            }
        )
        {
            using var answer = await server.PostAsync($"{Edge}/{path}", body);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK, path);
        }

        server.Administration.Done.ShouldBe([
            "scale 3 by the token's holder",
            "scale -1 by the token's holder",
            "Fleet True",
            "Fleet False",
            "Scaling True",
            "Scaling False",
            "g-0 Cordon",
            "g-0 none",
            "g-0 Drain",
        ]);
    }

    [Fact]
    public async Task Stats_AndCapacity_HaveExactlyTheirFields()
    {
        await using var server = await AdminServer.StartAsync();
        (await NamesAsync(server, $"{Edge}/stats")).ShouldBe([
            "serverCount",
            "totalCapacity",
            "totalLoad",
            "utilizationPercent",
            "servers",
        ]);
        string[] capacity =
        [
            "hasCapacity",
            "activeTunnels",
            "totalCapacity",
            "availableSlots",
            "utilizationPercent",
            "serverCount",
            "bandwidthUtilization",
        ];
        (await NamesAsync(server, $"{Edge}/capacity")).ShouldBe(capacity);
        (await NamesAsync(server, "/api/v1/capacity")).ShouldBe(capacity);
    }

    [Theory]
    [InlineData("GET", "/api/v1/fleets/shop/none", null, 404, "there is no fleet shop/none")]
    [InlineData("GET", "/api/v1/fleets/SHOP/edge", null, 404, "there is nothing of that name")]
    [InlineData("GET", "/api/v1/fleets/shop/a%2Fb", null, 404, "there is nothing of that name")]
    [InlineData("GET", "/api/v1/nothing", null, 404, "/openapi.json says what there is")]
    [InlineData("DELETE", "/api/v1/fleets", null, 405, "does not take DELETE")]
    [InlineData("POST", $"{Edge}/scale-up", null, 415, "must be application/json")]
    [InlineData("POST", $"{Edge}/scale-up", """{"instances":1001}""", 400, "instances: must be")]
    [InlineData("POST", $"{Edge}/scale-up", """{"instances":999}""", 422, "instances: 2 and 999 more")]
    public async Task Mistakes_AreProblems(string method, string path, string? body, int status, string detail)
    {
        await using var server = await AdminServer.StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        request.Content = body is null ? null : new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await server.Http.SendAsync(request);
        var problem = await ProblemAsync(answer);
        ((int)answer.StatusCode, (int)problem["status"]!).ShouldBe((status, status));
        ((string)problem["detail"]!).ShouldContain(detail);
        if (status is 400 or 422)
        {
            ((string)problem["errors"]![0]!["field"]!).ShouldBe("instances");
        }

        server.Administration.Done.ShouldBeEmpty();
    }

    public static TheoryData<Exception, int> Failures() =>
        new()
        {
            { new HttpRequestException("refused"), 503 },
            { new TimeoutException("slow"), 503 },
            { new TaskCanceledException("the connect took too long"), 503 },
            { new CredentialException("the token's file is empty"), 503 },
            { new JsonException("<html>"), 503 },
            { new InvalidDataException("too long"), 503 },
            { Refusal(HttpStatusCode.Conflict), 409 },
            { Refusal(HttpStatusCode.NotFound), 404 },
            { Refusal(HttpStatusCode.InternalServerError), 503 },
            { Refusal(HttpStatusCode.Forbidden), 503 },
            { Refusal(HttpStatusCode.TooManyRequests), 503 },
            { new NotSupportedException("a defect"), 500 },
        };

    [Theory]
    [MemberData(nameof(Failures))]
    public async Task FailuresOfTheCluster_AreNoDefectsOfTheOperator(Exception failure, int status)
    {
        await using var server = await AdminServer.StartAsync();
        server.Administration.Failure = failure;
        using var answer = await server.PostAsync($"{Edge}/gateways/g-0/drain");
        ((int)answer.StatusCode, (int)(await ProblemAsync(answer))["status"]!).ShouldBe((status, status), failure.ToString());
        (answer.Headers.RetryAfter is not null).ShouldBe(status == 503);
    }

    private static KubernetesException Refusal(HttpStatusCode code) =>
        new(code, new Status { Code = (int)code, Message = "so the API server says" }, "patch pods g-0");

    [Fact]
    public async Task Body_ThatIsTooLong_IsNotRead_WhateverItSaysOfItsLength()
    {
        await using var server = await AdminServer.StartAsync();
        var text = $"{{\"instances\":1{new string(' ', 20_000)}}}";
        using var told = await server.PostAsync($"{Edge}/scale-up", text);
        told.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Edge}/scale-up");
        request.Content = new StringContent(text, System.Text.Encoding.UTF8, "application/json");
        request.Headers.TransferEncodingChunked = true;
        using var chunked = await server.Http.SendAsync(request);
        chunked.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        server.Administration.Done.ShouldBeEmpty();
    }

    [Fact]
    public async Task WithoutTheToken_NothingIsTold_OrWhereReadsAreOpenNothingDone()
    {
        await using var closed = await AdminServer.StartAsync();
        await using var open = await AdminServer.StartAsync(readsAreOpen: true);
        foreach (var token in new[] { null, "wrong", "" })
        {
            closed.Http.DefaultRequestHeaders.Authorization = token is null ? null : new("Bearer", token);
            using var read = await closed.Http.GetAsync(new Uri("/api/v1/fleets", UriKind.Relative));
            read.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
            read.Headers.WwwAuthenticate.ToString().ShouldContain("Bearer");
            await ProblemAsync(read);
        }

        open.Http.DefaultRequestHeaders.Authorization = null;
        (await NamesAsync(open, $"{Edge}/stats")).ShouldContain("servers");
        using var change = await open.PostAsync($"{Edge}/pause");
        change.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        // A wrong token is a mistake, not a way in.
        open.Http.DefaultRequestHeaders.Authorization = new("Bearer", "wrong");
        using var wrong = await open.Http.GetAsync(new Uri("/api/v1/fleets", UriKind.Relative));
        wrong.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        open.Administration.Done.ShouldBeEmpty();
    }

    [Fact]
    public async Task WhoDoesNotLead_SaysSo_AndWhenToAskAgain()
    {
        await using var server = await AdminServer.StartAsync();
        server.Administration.Unavailable = "this replica does not lead";
        using var answer = await server.Http.GetAsync(new Uri("/api/v1/fleets", UriKind.Relative));
        answer.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        answer.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(2));
        ((string)(await ProblemAsync(answer))["detail"]!).ShouldBe("this replica does not lead");
    }

    [Fact]
    public async Task Fleets_IsJsonThatNoBrowserTakesForMarkup_OfOneNamespaceWhereAsked()
    {
        await using var server = await AdminServer.StartAsync();
        using var answer = await server.Http.GetAsync(new Uri("/api/v1/backends", UriKind.Relative));
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
        answer.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        (await answer.Content.ReadAsStringAsync()).ShouldNotContain("<");

        var all = await server.Http.GetStringAsync(new Uri("/api/v1/fleets", UriKind.Relative));
        JsonSerializer.Deserialize(all, OverviewJson.Default.IReadOnlyListFleetOverview)!.Single().Name.ShouldBe("edge");
        (await server.Http.GetStringAsync(new Uri("/api/v1/fleets?namespace=shop", UriKind.Relative))).ShouldBe(all);
        (await server.Http.GetStringAsync(new Uri("/api/v1/fleets?namespace=other", UriKind.Relative))).ShouldBe("[]");
    }

    private static async Task<IReadOnlyList<string>> NamesAsync(AdminServer server, string path)
    {
        var json = JsonNode.Parse(await server.Http.GetStringAsync(new Uri(path, UriKind.Relative)))!;
        return [.. json.AsObject().Select(static member => member.Key)];
    }

    private static async Task<JsonNode> ProblemAsync(HttpResponseMessage answer)
    {
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
    }
}
