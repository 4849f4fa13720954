using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Routing;

namespace Mooring.Operator.Tests.AdminApi;

/// <summary>The document, the routes and the answers agree.</summary>
public sealed class OpenApiTests
{
    [Fact]
    public async Task Document_HasEveryRoute_AndNoOther()
    {
        await using var server = await AdminServer.StartAsync();
        var document = await DocumentAsync(server);
        var served = server
            .Routes.Where(static route => route.RoutePattern.RawText!.StartsWith("/api/", StringComparison.Ordinal))
            .SelectMany(static route =>
                route
                    .Metadata.GetMetadata<HttpMethodMetadata>()!
                    .HttpMethods.Select(method => $"{method.ToLowerInvariant()} {route.RoutePattern.RawText}")
            );
        var told = document["paths"]!.AsObject().SelectMany(static path => path.Value!.AsObject().Select(one => $"{one.Key} {path.Key}"));
        told.Order(StringComparer.Ordinal).ShouldBe(served.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Document_IsWellFormed()
    {
        await using var server = await AdminServer.StartAsync();
        var document = await DocumentAsync(server);
        ((string)document["openapi"]!).ShouldBe("3.1.0");
        var operations = Operations(document).ToList();
        operations.Select(static one => (string)one.Operation["operationId"]!).ShouldBeUnique();
        foreach (var (path, _, operation) in operations)
        {
            var named = Regex.Matches(path, "{([a-z]+)}").Select(static match => match.Groups[1].Value);
            operation["parameters"]!
                .AsArray()
                .Where(static one => (string)one!["in"]! == "path")
                .Select(static one => (string)one!["name"]!)
                .ShouldBe(named);
            ((string)operation["responses"]!["default"]!["$ref"]!).ShouldBe("#/components/responses/Problem");
        }

        // Every reference leads somewhere, and every property says what it is.
        foreach (Match match in Regex.Matches(document.ToJsonString(), "\"\\$ref\":\"#/([^\"]+)\""))
        {
            JsonNode? node = document;
            foreach (var part in match.Groups[1].Value.Split('/'))
            {
                node = node![part];
            }

            node.ShouldNotBeNull(match.Value);
        }

        foreach (var name in new[] { "FleetStats", "CapacityAnswer", "ClusterStatus", "ScaleRequest", "TunnelsAnswer" })
        {
            foreach (var (property, schema) in document["components"]!["schemas"]![name]!["properties"]!.AsObject())
            {
                schema!["description"].ShouldNotBeNull($"{name}.{property}");
            }
        }
    }

    [Fact]
    public async Task Answers_AreAsTheDocumentSays()
    {
        await using var server = await AdminServer.StartAsync();
        var document = await DocumentAsync(server);
        foreach (var (path, method, operation) in Operations(document))
        {
            var address = path.Replace("{namespace}", "shop", StringComparison.Ordinal)
                .Replace("{name}", "edge", StringComparison.Ordinal)
                .Replace("{gateway}", "g-0", StringComparison.Ordinal);
            using var request = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), address);
            if (operation["requestBody"] is not null)
            {
                request.Content = new StringContent("""{"instances":1}""", System.Text.Encoding.UTF8, "application/json");
            }

            using var answer = await server.Http.SendAsync(request);
            var text = await answer.Content.ReadAsStringAsync();
            answer.IsSuccessStatusCode.ShouldBeTrue($"{method} {path}: {text}");
            JsonSchemaCheck.Check(
                document,
                operation["responses"]!["200"]!["content"]!["application/json"]!["schema"]!,
                JsonNode.Parse(text),
                path
            );

            // And without rights a problem, as the document says too.
            using var stranger = new HttpRequestMessage(new HttpMethod(method.ToUpperInvariant()), address);
            stranger.Headers.Authorization = new("Bearer", "wrong");
            using var refused = await server.Http.SendAsync(stranger);
            ((int)refused.StatusCode).ShouldBe(401, path);
            JsonSchemaCheck.Check(
                document,
                document["components"]!["responses"]!["Problem"]!["content"]!["application/problem+json"]!["schema"]!,
                JsonNode.Parse(await refused.Content.ReadAsStringAsync()),
                $"{path} refused"
            );
        }
    }

    private static async Task<JsonNode> DocumentAsync(AdminServer server)
    {
        // It describes the way in, and so is open.
        using var http = new HttpClient();
        return JsonNode.Parse(await http.GetStringAsync(new Uri(server.Http.BaseAddress!, "/openapi.json")))!;
    }

    private static IEnumerable<(string Path, string Method, JsonNode Operation)> Operations(JsonNode document) =>
        document["paths"]!.AsObject().SelectMany(static path => path.Value!.AsObject().Select(one => (path.Key, one.Key, one.Value!)));
}
