using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Operator.AdminApi;

namespace Mooring.Operator.Tests.AdminApi;

/// <summary>The admin API on a port of its own, with <see cref="FakeAdministration"/> behind it.</summary>
internal sealed class AdminServer : IAsyncDisposable
{
    public const string Token = "correct-horse-battery";
    private readonly WebApplication _app;

    private AdminServer(WebApplication app, FakeAdministration administration)
    {
        (_app, Administration) = (app, administration);
        Http = new HttpClient { BaseAddress = new Uri(app.Urls.First()), Timeout = TimeSpan.FromSeconds(60) };
        Http.DefaultRequestHeaders.Authorization = new("Bearer", Token);
    }

    public FakeAdministration Administration { get; }

    public HttpClient Http { get; }

    public IReadOnlyList<Microsoft.AspNetCore.Routing.RouteEndpoint> Routes =>
        [
            .. ((Microsoft.AspNetCore.Routing.IEndpointRouteBuilder)_app)
                .DataSources.SelectMany(static source => source.Endpoints)
                .OfType<Microsoft.AspNetCore.Routing.RouteEndpoint>(),
        ];

    public static async Task<AdminServer> StartAsync(bool readsAreOpen = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var administration = new FakeAdministration();
        app.Use(AdminEndpoints.ExplainAsync);
        app.UseRouting();
        new AdminEndpoints(administration, new TokenAccess(Token, readsAreOpen, metricsAreOpen: false), NullLogger.Instance).Map(app);
        await app.StartAsync();
        return new AdminServer(app, administration);
    }

    public Task<HttpResponseMessage> PostAsync(string path, string? json = null, string type = "application/json") =>
        Http.PostAsync(new Uri(path, UriKind.Relative), json is null ? null : new StringContent(json, Encoding.UTF8, type));

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _app.DisposeAsync();
    }
}
