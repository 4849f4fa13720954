using System.Text.Json;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Models;

namespace Mooring.Operator.AdminApi;

/// <summary>Serves the admin API: address, rights, body, action, answer, in this order.</summary>
internal sealed class AdminEndpoints(IFleetAdministration administration, IAdminAccess access, ILogger logger)
{
    // A pod's name is the longest that is asked for.
    private const int MaxName = 253;

    public static string Version { get; } = typeof(AdminEndpoints).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    /// <summary>Serves every route and the document about them.</summary>
    public void Map(IEndpointRouteBuilder routes)
    {
        var all = AdminRoutes.All(Version);
        var document = OpenApiDocument.Write(all, Version);
        routes.MapGet(
            OpenApiDocument.Path,
            context =>
            {
                Harden(context.Response);
                context.Response.ContentType = "application/json";
                return context.Response.Body.WriteAsync(document, context.RequestAborted).AsTask();
            }
        );
        foreach (var route in all)
        {
            routes.MapMethods(route.Path, [route.Method], context => HandleAsync(context, route));
        }
    }

    /// <summary>Answers 404 and 405 of the API as problems too. For the whole application, before the routes.</summary>
    public static async Task ExplainAsync(HttpContext context, RequestDelegate next)
    {
        await next(context);
        var response = context.Response;
        if (!context.Request.Path.StartsWithSegments("/api") || response.HasStarted || response.ContentType is not null)
        {
            return;
        }

        switch (response.StatusCode)
        {
            case StatusCodes.Status404NotFound:
                await Problem
                    .NotFound($"there is no {context.Request.Path}; {OpenApiDocument.Path} says what there is")
                    .WriteAsync(context);
                break;
            case StatusCodes.Status405MethodNotAllowed:
                await new Problem(405, "Method Not Allowed", $"{context.Request.Path} does not take {context.Request.Method}").WriteAsync(
                    context
                );
                break;
        }
    }

    /// <summary>Serves something beside the API to those that have the right.</summary>
    public async Task GuardAsync(HttpContext context, AccessRule rule, Func<Task> answer)
    {
        var verdict = await access.JudgeAsync(context, rule, "", "");
        await (verdict.Problem is { } problem ? problem.WriteAsync(context) : answer());
    }

    private async Task HandleAsync(HttpContext context, AdminRoute route)
    {
        Harden(context.Response);
        var reply = await TryAsync(context, route);
        if (reply.Problem is { } problem)
        {
            await problem.WriteAsync(context);
            return;
        }

        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(reply.Json, context.RequestAborted);
    }

    private async Task<AdminReply> TryAsync(HttpContext context, AdminRoute route)
    {
        try
        {
            return await AnswerAsync(context, route);
        }
        catch (BadHttpRequestException error)
        {
            return new AdminReply([], new Problem(error.StatusCode, "Bad Request", error.Message));
        }
        catch (KubernetesException error)
        {
            return new AdminReply([], Of(error));
        }
        catch (Exception error)
            when (error is HttpRequestException or TimeoutException or CredentialException
                || (error is OperationCanceledException && !context.RequestAborted.IsCancellationRequested)
            )
        {
            return new AdminReply([], Problem.Unavailable("the API server does not answer"));
        }
        catch (Exception error) when (error is JsonException or InvalidDataException)
        {
            return new AdminReply([], Problem.Unavailable("the API server answered with what is no answer of an API server"));
        }
        catch (Exception error) when (error is not (OutOfMemoryException or OperationCanceledException))
        {
            Log.Failed(logger, error, route.Id, context.Request.Path);
            return new AdminReply([], new Problem(500, "Internal Server Error", "a defect of the operator: its log has more"));
        }
    }

    private async Task<AdminReply> AnswerAsync(HttpContext context, AdminRoute route)
    {
        var (ns, name) = (Value(context, "namespace"), Value(context, "name"));
        if (route.TakesNamespace)
        {
            ns = context.Request.Query["namespace"].ToString();
        }

        if (!IsName(ns) || !IsName(name) || !IsName(Value(context, "gateway")))
        {
            return new AdminReply(
                [],
                Problem.NotFound("there is nothing of that name: names are of lower-case letters, digits, '-' and '.'")
            );
        }

        var verdict = await access.JudgeAsync(context, route.Access, ns, name);
        if (verdict.Problem is not null)
        {
            return new AdminReply([], verdict.Problem);
        }

        if (administration.Unavailable is { } why)
        {
            return new AdminReply([], Problem.Unavailable(why));
        }

        var fleet = route.NamesFleet ? administration.Find(new ObjectKey(ns, name)) : null;
        if (route.NamesFleet && fleet is null)
        {
            return new AdminReply([], Problem.NotFound($"there is no fleet {ns}/{name}"));
        }

        var body = route.TakesBody ? await RequestBody.ReadAsync(context) : null;
        if (body is { Succeeded: false })
        {
            return new AdminReply([], body.Problem);
        }

        var reply = await route.Handle(new AdminCall(context, verdict.Caller, fleet, body?.Value, administration));
        if (!route.Access.OnlyReads && reply.Problem is null)
        {
            Log.Done(logger, verdict.Caller, route.Id, context.Request.Path);
        }

        return reply;
    }

    private static string Value(HttpContext context, string key) => context.Request.RouteValues.GetValueOrDefault(key) as string ?? "";

    // What cannot be a name is asked of nobody.
    private static bool IsName(string text) =>
        text.Length <= MaxName && text.All(static one => char.IsAsciiLetterLower(one) || char.IsAsciiDigit(one) || one is '-' or '.');

    private static Problem Of(KubernetesException error) =>
        (int)error.Code switch
        {
            404 => Problem.NotFound(error.Status.Message ?? "it is gone"),
            409 => Problem.Conflict(error.Status.Message ?? "it was changed meanwhile"),
            422 => new Problem(422, "Unprocessable Content", error.Status.Message ?? "not valid")
            {
                Errors = [.. error.Causes.Select(static cause => new ProblemField(cause.Field ?? "", cause.Message ?? ""))],
            },
            _ => Problem.Unavailable($"the API server does not do it for the operator: {error.Status.Message}") with
            {
                RetryAfter = error.RetryAfter ?? TimeSpan.FromSeconds(2),
            },
        };

    private static void Harden(HttpResponse response)
    {
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.CacheControl = "no-store";
        response.Headers["Referrer-Policy"] = "no-referrer";
    }
}
