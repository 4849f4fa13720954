using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Mooring.Operator.Dashboard;

/// <summary>The page that shows fleets. It holds no figure itself: it polls the admin API, with the token that its user gave it.</summary>
/// <remarks>
/// One self-contained page: no request goes anywhere else, and its policy lets the browser run nothing but its own script, known by its hash.
/// </remarks>
public static class DashboardEndpoints
{
    private const string Resource = "Mooring.Operator.Dashboard.dashboard.html";
    private static readonly Lazy<(byte[] Page, string Policy)> Page = new(Load);

    /// <summary>Serves <c>/</c>.</summary>
    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet(
            "/",
            static context =>
            {
                var (page, policy) = Page.Value;
                Harden(context.Response);
                context.Response.Headers.ContentSecurityPolicy = policy;
                context.Response.ContentType = "text/html; charset=utf-8";
                return context.Response.Body.WriteAsync(page, context.RequestAborted).AsTask();
            }
        );

    private static void Harden(HttpResponse response)
    {
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        response.Headers["Referrer-Policy"] = "no-referrer";
    }

    private static (byte[] Page, string Policy) Load()
    {
        using var stream =
            Assembly.GetExecutingAssembly().GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"the resource {Resource} is missing");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var page = reader.ReadToEnd();
        var policy =
            $"default-src 'none'; script-src '{HashOf(page, "script")}'; style-src '{HashOf(page, "style")}'; "
            + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        return (Encoding.UTF8.GetBytes(page), policy);
    }

    /// <summary>CSP hash of the page's one element of this kind.</summary>
    private static string HashOf(string page, string element)
    {
        var start = page.IndexOf($"<{element}>", StringComparison.Ordinal) + element.Length + 2;
        var end = page.IndexOf($"</{element}>", StringComparison.Ordinal);
        return "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(page[start..end])));
    }
}
